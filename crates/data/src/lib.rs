//! The local Dataverse: lowering, execution and the Web API's writers
