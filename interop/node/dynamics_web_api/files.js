// Contents of file columns: in several pieces, which is all that the library does.

import { check, checkDenied, checkSame, part } from "../checks.js";

const COLUMN = "new_interopfile";

// A column for files on accounts, as a definition.
async function column(api) {
  await api.createAttribute({
    entityKey: "LogicalName='account'",
    data: {
      "@odata.type": "Microsoft.Dynamics.CRM.FileAttributeMetadata",
      SchemaName: "new_InteropFile",
      MaxSizeInKB: 10_240,
      RequiredLevel: { Value: "None" },
    },
  });
}

export async function files({ api, strict }) {
  await column(api);
  const key = await api.create({ collection: "accounts", data: { name: "With a file" } });
  const request = { collection: "accounts", key, property: COLUMN };
  const held = () => api.retrieve({ collection: "accounts", key, select: [COLUMN, `${COLUMN}_name`] });
  const bytes = Buffer.alloc(9 * 1024 * 1024 + 17);
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = (place * 31 + (place >> 8)) & 0xff;

  await part("a file", async () => {
    await api.uploadFile({ ...request, fileName: "interop.pdf", fileType: "application/pdf", data: bytes });
    const row = await held();
    check("is told by its row", row[COLUMN].length === 36 && row[`${COLUMN}_name`] === "interop.pdf", row);
    const got = await api.downloadFile(request);
    checkSame("has its name and size", [got.fileName, got.fileSize], ["interop.pdf", bytes.length]);
    check("comes back as it was sent", Buffer.compare(Buffer.from(got.data), bytes) === 0, got.data?.length);
  });

  await part("a short file", async () => {
    await api.uploadFile({ ...request, fileName: "short.txt", fileType: "text/plain", data: Buffer.from("short — é") });
    const got = await api.downloadFile(request);
    checkSame("takes the place of the other", Buffer.from(got.data).toString(), "short — é");
  });

  await part("no file", async () => {
    await api.deleteRecord(request);
    const row = await held();
    checkSame("is left after a deletion", [row[COLUMN], row[`${COLUMN}_name`]], [null, null]);
    const data = Buffer.alloc(10_241 * 1024);
    await checkDenied("a file that is too large", 400, "0x80044a02", /Attachment file size is too big/, () =>
      strict.uploadFile({ ...request, fileName: "large.bin", fileType: "application/octet-stream", data }),
    );
  });
}
