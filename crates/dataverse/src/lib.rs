//! Dataverse tables as data: schema, typed values, and the error table
