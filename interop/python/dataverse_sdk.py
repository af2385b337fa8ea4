"""Microsoft's Dataverse SDK for Python: what its documentation shows, by an application user that is made with it."""

from checks import done, part
from sdk.batches import batches
from sdk.bulk_delete import bulk_delete
from sdk.files import files
from sdk.frames import frames
from sdk.other_queries import fetchxml, sql
from sdk.queries import queries
from sdk.records import records
from sdk.related import related
from sdk.signing_in import application
from sdk.table_batches import table_batches
from sdk.tables import tables

client, user = application()
with client:
    for work in (records, queries, related, fetchxml, sql, batches, frames, tables, table_batches, files, bulk_delete):
        with part(work.__name__):
            work(client, user)
done()
