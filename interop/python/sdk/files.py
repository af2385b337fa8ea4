"""Files: uploaded in one request and in pieces, to a column that the SDK makes when it is not there."""

import os
import tempfile

from checks import check, part


def files(client, user):
    rows, column = client.records, "new_SdkFile"
    key = rows.create("account", {"name": "With a file of the SDK"})
    seen = lambda: rows.retrieve("account", key, select=["new_sdkfile", "new_sdkfile_name"])  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        small, large = os.path.join(folder, "small note.txt"), os.path.join(folder, "large.bin")
        with open(small, "wb") as file:
            file.write(b"a note")
        with open(large, "wb") as file:
            file.write(bytes(range(256)) * 40_000)

        with part("a small file"):
            client.files.upload("account", key, column, small, mime_type="text/plain")
            row = seen()
            check("is uploaded at once", row["new_sdkfile_name"] == "small note.txt", row.data)
            first = row["new_sdkfile"]

        with part("a large file"):
            client.files.upload("account", key, column, large, mode="chunk", if_none_match=False)
            row = seen()
            check("is uploaded in pieces", row["new_sdkfile_name"] == "large.bin", row.data)
            check("and is another one", row["new_sdkfile"] not in (None, first), row.data)
