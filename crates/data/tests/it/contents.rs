//! Contents of file and image columns: in one request, in pieces, in blocks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use keyholder_data::TokenFacts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::{Bytes, RawReply};

const CHUNKED: (&str, &str) = ("x-ms-transfer-mode", "chunked");
const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");

/// A world in which accounts have a file of up to 2 KB, one of up to 8 MB and an image that is kept whole, and one account.
pub(crate) struct Files {
    pub(crate) world: World,
    pub(crate) account: Uuid,
}

impl Files {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        for (kind, name, more) in [
            ("File", "new_Note", json!({ "MaxSizeInKB": 2 })),
            ("File", "new_Contract", json!({ "MaxSizeInKB": 8192 })),
            ("Image", "new_Photo", json!({ "MaxSizeInKB": 64, "CanStoreFullImage": true })),
        ] {
            let mut column = json!({
                "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"), "SchemaName": name,
            });
            column.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            world.post("EntityDefinitions(LogicalName='account')/Attributes", column).await.ok();
        }
        let account = world.post("accounts", json!({ "name": "With files" })).await.ok().id();
        Self { world, account }
    }

    /// The address of a column of the account.
    fn at(&self, column: &str) -> String {
        format!("accounts({})/{column}", self.account)
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> RawReply {
        let body = Bytes::copy_from_slice(body);
        self.world.send_bytes(&self.world.admin, method, path, headers, body).await
    }

    async fn upload(&self, column: &str, name: &str, body: &[u8]) -> RawReply {
        self.send(Method::PATCH, &self.at(column), &[OCTETS, ("x-ms-file-name", name)], body).await
    }

    async fn download(&self, column: &str) -> RawReply {
        self.send(Method::GET, &format!("{}/$value", self.at(column)), &[], b"").await
    }

    async fn row(&self, select: &str) -> Value {
        self.world.get(&format!("accounts({})?$select={select}", self.account)).await.ok().json
    }

    async fn act(&self, action: &str, body: Value) -> Value {
        self.world.post(action, body).await.ok().json
    }

    fn target(&self, column: &str) -> Value {
        json!({
            "Target": { "accountid": self.account, "@odata.type": "Microsoft.Dynamics.CRM.account" },
            "FileAttributeName": column,
        })
    }

    /// Begins an upload in pieces; gives what follows the API's address in `Location`.
    async fn begin(&self, column: &str, caller: &TokenFacts) -> String {
        let path = format!("{}?x-ms-file-name=big.pdf", self.at(column));
        let begun = self.world.send_bytes(caller, Method::PATCH, &path, &[CHUNKED], Bytes::new()).await;
        assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
        assert_eq!(begun.header("x-ms-chunk-size"), "4194304");
        let location = begun.header("location");
        location.strip_prefix(&format!("{}/", crate::world::BASE)).unwrap().to_owned()
    }

    async fn piece(&self, path: &str, range: &str, body: &[u8]) -> RawReply {
        self.send(Method::PATCH, path, &[OCTETS, ("Content-Range", range)], body).await
    }
}

/// Bytes that differ from place to place.
fn contents(length: usize) -> Vec<u8> {
    (0..length).map(|place| u8::try_from((place * 31 + place / 251) % 256).unwrap()).collect()
}

#[tokio::test]
async fn a_file_is_uploaded_shown_downloaded_and_deleted() {
    let files = Files::new().await;
    assert_eq!(files.download("new_contract").await.status, StatusCode::NO_CONTENT);
    let bytes = contents(1_500_000);
    let before = files.row("name").await["@odata.etag"].clone();
    let done = files.upload("new_contract", "Contract.TXT", &bytes).await;
    assert_eq!((done.status, done.bytes.len()), (StatusCode::NO_CONTENT, 0), "{done:?}");

    let row = files.row("new_contract,new_contract_name").await;
    let id: Uuid = row["new_contract"].as_str().unwrap().parse().unwrap();
    assert_eq!(row["new_contract_name"], "Contract.TXT");
    assert_ne!(row["@odata.etag"], before, "a file is part of its row");
    let whole = files.world.get(&format!("accounts({})", files.account)).await.ok().json;
    assert_eq!(whole["new_contract"], json!(id));
    let with = files.world.get("accounts?$select=name&$filter=new_contract ne null").await.ok();
    assert_eq!(with.rows().len(), 1);

    let got = files.download("new_contract").await;
    assert_eq!((got.status, got.bytes[..] == *bytes), (StatusCode::OK, true));
    for (name, value) in [
        ("x-ms-file-size", "1500000"),
        ("x-ms-file-name", "Contract.TXT"),
        ("mimetype", "text/plain"),
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename=\"Contract.TXT\""),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    // Across the border of two pieces in the store.
    let path = format!("{}/$value", files.at("new_contract"));
    let part = files.send(Method::GET, &path, &[("Range", "bytes=1048570-1048581")], b"").await;
    assert_eq!((part.status, &part.bytes[..]), (StatusCode::PARTIAL_CONTENT, &bytes[1_048_570..1_048_582]));
    assert_eq!(part.header("content-range"), "bytes 1048570-1048581/1500000");
    let end = files.send(Method::GET, &path, &[("Range", "bytes=-3")], b"").await;
    assert_eq!((end.status, &end.bytes[..]), (StatusCode::PARTIAL_CONTENT, &bytes[1_499_997..]));
    let outside = files.send(Method::GET, &path, &[("Range", "bytes=1500000-")], b"").await;
    assert_eq!((outside.status.as_u16(), outside.header("content-range")), (416, "bytes */1500000"));
    // As dynamics-web-api asks for it.
    let value = format!("{}?size=full", files.at("new_contract"));
    let json = files.send(Method::GET, &value, &[("Range", "bytes=0-9"), ("Accept", "application/json")], b"").await;
    assert_eq!((json.status, json.header("x-ms-file-size")), (StatusCode::PARTIAL_CONTENT, "1500000"));
    assert_eq!(json.json()["value"], STANDARD.encode(&bytes[..10]));

    // Another file takes its place, and its name.
    assert_eq!(files.upload("new_contract", "Other.pdf", b"short").await.status, StatusCode::NO_CONTENT);
    let other = files.row("new_contract").await["new_contract"].clone();
    assert_ne!(other, json!(id));
    let gone = files.world.post("DeleteFile", json!({ "FileId": id })).await;
    gone.refused(404, "0x80040217");

    assert_eq!(files.world.delete(&files.at("new_contract")).await.status, StatusCode::NO_CONTENT);
    let row = files.row("new_contract,new_contract_name").await;
    assert!(row["new_contract"].is_null() && row["new_contract_name"].is_null(), "{row}");
    assert_eq!(files.download("new_contract").await.status, StatusCode::NO_CONTENT);
    let with = files.world.get("accounts?$select=name&$filter=new_contract ne null").await.ok();
    assert_eq!(with.rows().len(), 0);
}

#[tokio::test]
async fn names_of_files_need_not_be_ascii() {
    let files = Files::new().await;
    let path = format!("{}?x-ms-file-name=%C3%84ther%20%25.pdf", files.at("new_contract"));
    assert_eq!(files.send(Method::PATCH, &path, &[OCTETS], b"x").await.status, StatusCode::NO_CONTENT);
    assert_eq!(files.row("new_contract_name").await["new_contract_name"], "Äther %.pdf");
    let got = files.download("new_contract").await;
    assert_eq!(got.header("x-ms-file-name"), "%C3%84ther %25.pdf");
    assert_eq!(got.header("content-disposition"), "attachment; filename*=UTF-8''%C3%84ther%20%25%2Epdf");
    // A media type that says something is kept.
    let headers = [("Content-Type", "text/csv; charset=utf-8"), ("x-ms-file-name", "table")];
    assert_eq!(files.send(Method::PATCH, &files.at("new_contract"), &headers, b"a,b").await.status.as_u16(), 204);
    assert_eq!(files.download("new_contract").await.header("mimetype"), "text/csv");
}

#[tokio::test]
async fn a_file_arrives_in_pieces() {
    let files = Files::new().await;
    let bytes = contents(5_000);
    let path = files.begin("new_contract", &files.world.admin).await;
    let first = files.piece(&path, "bytes 0-1999/5000", &bytes[..2_000]).await;
    assert_eq!(first.status, StatusCode::PARTIAL_CONTENT, "{first:?}");
    assert!(files.row("new_contract").await["new_contract"].is_null(), "nothing is there before all of it is");
    // Out of order, and one of them twice.
    for (range, part) in [("bytes 4000-4999/5000", 4_000..5_000), ("bytes 0-1999/5000", 0..2_000)] {
        assert_eq!(files.piece(&path, range, &bytes[part]).await.status, StatusCode::PARTIAL_CONTENT);
    }
    let last = files.piece(&path, "bytes 2000-3999/5000", &bytes[2_000..4_000]).await;
    assert_eq!(last.status, StatusCode::NO_CONTENT, "{last:?}");
    let got = files.download("new_contract").await;
    assert_eq!((got.bytes[..] == *bytes, got.header("x-ms-file-name")), (true, "big.pdf"));
    assert_eq!(got.header("mimetype"), "application/pdf");
    let over = files.piece(&path, "bytes 0-1999/5000", &bytes[..2_000]).await;
    over.refused(400, "0x80040203");
}

#[tokio::test]
async fn pieces_must_make_one_whole() {
    let files = Files::new().await;
    let path = files.begin("new_contract", &files.world.admin).await;
    for (range, body) in [("bytes 0-9/5000", 9), ("bytes 0-9/9", 10), ("bytes 0-9", 10), ("lines 0-9/10", 10)] {
        files.piece(&path, range, &contents(body)).await.refused(400, "0x80060888");
    }
    assert_eq!(files.piece(&path, "bytes 0-9/20", &contents(10)).await.status, StatusCode::PARTIAL_CONTENT);
    files.piece(&path, "bytes 10-19/30", &contents(10)).await.refused(400, "0x80060888");
    files.piece(&path, "bytes 5-14/20", &contents(10)).await.refused(400, "0x80060888");
    assert_eq!(files.piece(&path, "bytes 10-19/20", &contents(10)).await.status, StatusCode::NO_CONTENT);
    let headers = [OCTETS, ("Content-Range", "bytes 0-9/20")];
    let without = files.send(Method::PATCH, &files.at("new_contract"), &headers, &contents(10)).await;
    without.refused(400, "0x8004031f");
    let unnamed = files.send(Method::PATCH, &files.at("new_contract"), &[OCTETS], &contents(10)).await;
    unnamed.refused(400, "0x8004031f");
}

#[tokio::test]
async fn a_file_without_bytes_is_a_file() {
    let files = Files::new().await;
    assert_eq!(files.upload("new_note", "empty.txt", b"").await.status, StatusCode::NO_CONTENT);
    let got = files.download("new_note").await;
    assert_eq!((got.status, got.bytes.len(), got.header("x-ms-file-size")), (StatusCode::OK, 0, "0"));
    let path = files.begin("new_note", &files.world.admin).await;
    assert_eq!(files.piece(&path, "bytes 0--1/0", b"").await.status, StatusCode::NO_CONTENT);
    assert_eq!(files.row("new_note_name").await["new_note_name"], "big.pdf");
}

#[tokio::test]
async fn a_file_is_no_larger_than_its_column_takes() {
    let files = Files::new().await;
    let definition = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='new_note')\
                      /Microsoft.Dynamics.CRM.FileAttributeMetadata?$select=MaxSizeInKB";
    assert_eq!(files.world.get(definition).await.ok().json["MaxSizeInKB"], 2);
    assert_eq!(files.upload("new_note", "a.txt", &contents(2_048)).await.status, StatusCode::NO_CONTENT);
    let large = files.upload("new_note", "a.txt", &contents(2_049)).await;
    assert_eq!(large.refused(400, "0x80044a02"), "Attachment file size is too big.");
    let path = files.begin("new_note", &files.world.admin).await;
    files.piece(&path, "bytes 0-9/2049", &contents(10)).await.refused(400, "0x80044a02");
    let mut begin = files.target("new_note");
    begin["FileName"] = json!("a.txt");
    let token = files.act("InitializeFileBlocksUpload", begin).await["FileContinuationToken"].clone();
    let block = |id: &str, length| json!({ "BlockId": STANDARD.encode(id), "BlockData": STANDARD.encode(contents(length)), "FileContinuationToken": token });
    files.act("UploadBlock", block("1", 2_000)).await;
    files.world.post("UploadBlock", block("2", 49)).await.refused(400, "0x80044a02");
    // The one before stays.
    assert_eq!(files.download("new_note").await.bytes.len(), 2_048);
}

#[tokio::test]
async fn a_file_is_transferred_by_messages() {
    let files = Files::new().await;
    let mut begin = files.target("new_contract");
    begin["FileName"] = json!("blocks.bin");
    let begun = files.act("InitializeFileBlocksUpload", begin).await;
    assert!(begun["@odata.context"].as_str().unwrap().ends_with("CRM.InitializeFileBlocksUploadResponse"));
    let token = begun["FileContinuationToken"].clone();
    let ids = ["one", "two", "six"].map(|id| STANDARD.encode(id));
    for (id, data) in [(&ids[2], "never"), (&ids[1], "World!"), (&ids[0], "Hallo, "), (&ids[0], "Hello, ")] {
        let block = json!({ "BlockId": id, "BlockData": STANDARD.encode(data), "FileContinuationToken": token });
        assert_eq!(files.world.post("UploadBlock", block).await.status, StatusCode::NO_CONTENT);
    }
    let commit = |list: &[&String]| json!({ "BlockList": list, "FileContinuationToken": token, "FileName": "hello.bin", "MimeType": "text/x-greeting" });
    let missing = STANDARD.encode("ten");
    files.world.post("CommitFileBlocksUpload", commit(&[&ids[0], &missing])).await.refused(400, "0x80048d19");
    files.world.post("CommitFileBlocksUpload", commit(&[&ids[0], &ids[0]])).await.refused(400, "0x80048d19");
    let done = files.act("CommitFileBlocksUpload", commit(&[&ids[0], &ids[1]])).await;
    assert_eq!(done["FileSizeInBytes"], 13);
    let row = files.row("new_contract,new_contract_name").await;
    assert_eq!((&row["new_contract"], &row["new_contract_name"]), (&done["FileId"], &json!("hello.bin")));
    let got = files.download("new_contract").await;
    assert_eq!((&got.bytes[..], got.header("mimetype")), (&b"Hello, World!"[..], "text/x-greeting"));

    let begun = files.act("InitializeFileBlocksDownload", files.target("new_contract")).await;
    assert_eq!((&begun["FileSizeInBytes"], &begun["FileName"]), (&json!(13), &json!("hello.bin")));
    assert_eq!(begun["IsChunkingSupported"], true);
    let block = |offset: u32, length: u32| json!({ "Offset": offset, "BlockLength": length, "FileContinuationToken": begun["FileContinuationToken"] });
    for (offset, length, expected) in [(0, 5, "Hello"), (5, 4_194_304, ", World!"), (13, 5, "")] {
        let answer = files.act("DownloadBlock", block(offset, length)).await;
        assert_eq!(answer["Data"], STANDARD.encode(expected));
    }
    files.world.post("DownloadBlock", block(14, 1)).await.refused(400, "0x80048d19");

    let file = json!({ "FileId": done["FileId"] });
    assert_eq!(files.world.post("DeleteFile", file.clone()).await.status, StatusCode::NO_CONTENT);
    assert!(files.row("new_contract").await["new_contract"].is_null());
    files.world.post("DeleteFile", file).await.refused(404, "0x80040217");
    files.world.post("DownloadBlock", block(0, 5)).await.refused(400, "0x80040203");
    let none = files.world.post("InitializeFileBlocksDownload", files.target("new_contract")).await;
    none.refused(404, "0x80040217");
    for action in ["InitializeAnnotationBlocksUpload", "InitializeAttachmentBlocksDownload"] {
        assert!(files.world.post(action, json!({})).await.refused(501, "0x80040315").contains(action));
    }
}

/// A token is its caller's, and of one column of one row.
#[tokio::test]
async fn a_transfer_is_bound_to_its_caller_its_row_and_its_column() {
    let files = Files::new().await;
    let world = &files.world;
    let (other, user) = world.application_user(2, "other").await;
    let role = world.role("Files", &[("prvReadAccount", "Global"), ("prvWriteAccount", "Global")]).await;
    world.assign(user, role).await.ok();
    let path = files.begin("new_contract", &world.admin).await;
    let (_, token) = path.split_once('?').unwrap();
    let range = [OCTETS, ("Content-Range", "bytes 0-3/4")];
    let body = Bytes::from_static(b"data");
    let stolen = world.send_bytes(&other, Method::PATCH, &path, &range, body.clone()).await;
    stolen.refused(400, "0x80040203");
    let second = world.post("accounts", json!({ "name": "Second" })).await.ok().id();
    for elsewhere in [format!("accounts({second})/new_contract?{token}"), format!("{}?{token}", files.at("new_note"))] {
        files.piece(&elsewhere, "bytes 0-3/4", b"data").await.refused(400, "0x80040203");
    }
    assert_eq!(files.piece(&path, "bytes 0-3/4", b"data").await.status, StatusCode::NO_CONTENT);

    let begun = files.act("InitializeFileBlocksDownload", files.target("new_contract")).await;
    let block = json!({ "Offset": 0, "BlockLength": 4, "FileContinuationToken": begun["FileContinuationToken"] });
    let stolen = world.send(&other, Method::POST, "DownloadBlock", &[], Some(block.clone())).await;
    stolen.refused(400, "0x80040203");
    assert_eq!(files.act("DownloadBlock", block).await["Data"], STANDARD.encode("data"));
    // Nor does the token of a download take uploads.
    let upload = json!({
        "BlockId": STANDARD.encode("1"), "BlockData": "", "FileContinuationToken": begun["FileContinuationToken"],
    });
    world.post("UploadBlock", upload).await.refused(400, "0x80040203");
}

#[tokio::test]
async fn a_transfer_ends_when_its_time_is_over() {
    let files = Files::new().await;
    let path = files.begin("new_contract", &files.world.admin).await;
    files.world.advance(23 * 60 * 60);
    assert_eq!(files.piece(&path, "bytes 0-3/8", b"data").await.status, StatusCode::PARTIAL_CONTENT);
    files.world.advance(60 * 60);
    files.piece(&path, "bytes 4-7/8", b"data").await.refused(400, "0x80040203");
    // The next one finds the place free.
    let path = files.begin("new_contract", &files.world.admin).await;
    assert_eq!(files.piece(&path, "bytes 0-3/4", b"data").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn nobody_has_transfers_without_end() {
    let files = Files::new().await;
    for _ in 0..200 {
        files.begin("new_note", &files.world.admin).await;
    }
    let path = format!("{}?x-ms-file-name=a", files.at("new_note"));
    files.send(Method::PATCH, &path, &[CHUNKED], b"").await.refused(400, "0x80040203");
    files.world.advance(24 * 60 * 60);
    files.begin("new_note", &files.world.admin).await;
}

#[tokio::test]
async fn the_oldest_of_many_downloads_give_way() {
    let files = Files::new().await;
    files.upload("new_note", "a.txt", b"note").await;
    let begin = async || {
        let begun = files.act("InitializeFileBlocksDownload", files.target("new_note")).await;
        json!({ "Offset": 0, "BlockLength": 4, "FileContinuationToken": begun["FileContinuationToken"] })
    };
    let oldest = begin().await;
    files.world.advance(60);
    let second = begin().await;
    for _ in 2..200 {
        files.world.advance(1);
        begin().await;
    }
    files.act("DownloadBlock", oldest.clone()).await;
    files.world.advance(1);
    let last = begin().await;
    files.world.post("DownloadBlock", oldest).await.refused(400, "0x80040203");
    for block in [second, last] {
        assert_eq!(files.act("DownloadBlock", block).await["Data"], STANDARD.encode("note"));
    }
    // Nor do they stand in the way of uploads.
    files.begin("new_note", &files.world.admin).await;
}

/// The address of pieces and the messages take the same tokens; what is committed is the list of blocks alone.
#[tokio::test]
async fn pieces_stay_out_of_a_list_of_blocks() {
    let files = Files::new().await;
    let path = files.begin("new_contract", &files.world.admin).await;
    let piece = files.piece(&path, "bytes 0-3/8", b"data").await;
    assert_eq!(piece.status, StatusCode::PARTIAL_CONTENT, "{piece:?}");
    let (_, token) = path.split_once("sessiontoken=").unwrap();
    let id = STANDARD.encode("one");
    let block = json!({ "BlockId": id, "BlockData": STANDARD.encode("block"), "FileContinuationToken": token });
    files.act("UploadBlock", block).await;
    let commit =
        json!({ "BlockList": [id], "FileContinuationToken": token, "FileName": "a.txt", "MimeType": "text/a" });
    assert_eq!(files.act("CommitFileBlocksUpload", commit).await["FileSizeInBytes"], 5);
    assert_eq!(&files.download("new_contract").await.bytes[..], b"block");
}

/// Contents need what other columns of the row need.
#[tokio::test]
async fn contents_are_reached_as_their_row_is() {
    let files = Files::new().await;
    let world = &files.world;
    files.upload("new_note", "a.txt", b"secret").await;
    let value = format!("{}/$value", files.at("new_note"));
    let (reader, user) = world.application_user(2, "reader").await;
    let role = world.role("Reads", &[("prvReadAccount", "Global"), ("prvWriteAccount", "Basic")]).await;
    world.assign(user, role).await.ok();
    let named = [OCTETS, ("x-ms-file-name", "b.txt")];
    let send = async |caller, method, path: &str, headers: &[(&str, &str)]| {
        world.send_bytes(caller, method, path, headers, Bytes::from_static(b"new")).await
    };
    assert_eq!(&send(&reader, Method::GET, &value, &[]).await.bytes[..], b"secret");
    let denied = send(&reader, Method::PATCH, &files.at("new_note"), &named).await;
    assert!(denied.refused(403, "0x80048306").contains("WriteAccess"));
    send(&reader, Method::PATCH, &files.at("new_note"), &[CHUNKED, ("x-ms-file-name", "b")])
        .await
        .refused(403, "0x80048306");
    send(&reader, Method::DELETE, &files.at("new_note"), &[]).await.refused(403, "0x80048306");
    let file = files.row("new_note").await["new_note"].clone();
    let deletes = world.send(&reader, Method::POST, "DeleteFile", &[], Some(json!({ "FileId": file }))).await;
    deletes.refused(403, "0x80048306");

    let (stranger, user) = world.application_user(3, "stranger").await;
    let role = world.role("Own only", &[("prvReadAccount", "Basic"), ("prvWriteAccount", "Basic")]).await;
    world.assign(user, role).await.ok();
    send(&stranger, Method::GET, &value, &[]).await.refused(403, "0x80048306");
    let reads = Some(files.target("new_note"));
    world.send(&stranger, Method::POST, "InitializeFileBlocksDownload", &[], reads).await.refused(403, "0x80048306");

    // What was begun does not outlast the right to it.
    let mut begin = files.target("new_note");
    begin["FileName"] = json!("c.txt");
    let (writer, user) = world.application_user(4, "writer").await;
    let role = world.role("Writes", &[("prvReadAccount", "Global"), ("prvWriteAccount", "Global")]).await;
    world.assign(user, role).await.ok();
    let begun = world.send(&writer, Method::POST, "InitializeFileBlocksUpload", &[], Some(begin)).await.ok();
    let block = json!({
        "BlockId": STANDARD.encode("1"), "BlockData": STANDARD.encode("new"),
        "FileContinuationToken": begun.json["FileContinuationToken"],
    });
    world.send(&writer, Method::POST, "UploadBlock", &[], Some(block.clone())).await.ok();
    world.delete(&format!("roles({role})")).await.ok();
    let other = world.role("Reads too", &[("prvReadAccount", "Global")]).await;
    world.assign(user, other).await.ok();
    world.send(&writer, Method::POST, "UploadBlock", &[], Some(block)).await.refused(403, "0x80040220");
    assert_eq!(&files.download("new_note").await.bytes[..], b"secret");
}

#[tokio::test]
async fn contents_go_with_their_row_and_their_column() {
    let files = Files::new().await;
    files.upload("new_note", "a.txt", b"gone").await;
    let begun = files.act("InitializeFileBlocksDownload", files.target("new_note")).await;
    let block = json!({ "Offset": 0, "BlockLength": 4, "FileContinuationToken": begun["FileContinuationToken"] });
    files.act("DownloadBlock", block.clone()).await;
    files.world.delete(&format!("accounts({})", files.account)).await.ok();
    files.world.post("DownloadBlock", block).await.refused(400, "0x80040203");
    // A row of the same id finds nothing there.
    files.world.post("accounts", json!({ "name": "Again", "accountid": files.account })).await.ok();
    assert_eq!(files.download("new_note").await.status, StatusCode::NO_CONTENT);

    files.upload("new_note", "a.txt", b"gone").await;
    files.world.delete("EntityDefinitions(LogicalName='account')/Attributes(LogicalName='new_note')").await.ok();
    let column = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.FileAttributeMetadata", "SchemaName": "new_Note",
    });
    files.world.post("EntityDefinitions(LogicalName='account')/Attributes", column).await.ok();
    assert_eq!(files.download("new_note").await.status, StatusCode::NO_CONTENT);
    let definition = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='new_note')\
                      /Microsoft.Dynamics.CRM.FileAttributeMetadata?$select=MaxSizeInKB";
    assert_eq!(files.world.get(definition).await.ok().json["MaxSizeInKB"], 32_768);
}

#[tokio::test]
async fn a_file_is_no_value_of_a_row() {
    let files = Files::new().await;
    let path = format!("accounts({})", files.account);
    files.world.patch(&path, json!({ "new_note": "AAAA" })).await.refused(400, "0x80048d19");
    let (address, value) = (files.at("new_note"), json!({ "value": "AA==" }));
    let put = files.world.send(&files.world.admin, Method::PUT, &address, &[], Some(value)).await;
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
    let tag = files.world.get(&path).await.ok().header("etag").to_owned();
    let named = [OCTETS, ("x-ms-file-name", "a.txt"), ("If-Match", tag.as_str())];
    assert_eq!(files.send(Method::PATCH, &files.at("new_note"), &named, b"1").await.status, StatusCode::NO_CONTENT);
    let stale = files.send(Method::PATCH, &files.at("new_note"), &named, b"2").await;
    stale.refused(412, "0x80060882");
    let nowhere = format!("accounts({})/new_note", Uuid::from_u128(7));
    files.send(Method::PATCH, &nowhere, &named[..2], b"2").await.refused(404, "0x80040217");
}
