//! Image columns: thumbnails in rows, and images as they came.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::contents::Files;
use crate::world::{Bytes, RawReply};

fn png(width: u32, height: u32) -> Vec<u8> {
    let image = RgbImage::from_pixel(width, height, Rgb([10, 200, 30]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The sides of a thumbnail in base64.
#[track_caller]
fn sides(value: &Value) -> (u32, u32) {
    let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap().dimensions()
}

impl Files {
    async fn image(&self, path: &str) -> RawReply {
        let path = format!("accounts({})/{path}", self.account);
        self.world.send_bytes(&self.world.admin, Method::GET, &path, &[], Bytes::new()).await
    }

    async fn change(&self, body: Value) {
        self.world.patch(&format!("accounts({})", self.account), body).await.ok();
    }

    async fn account(&self, select: &str) -> Value {
        self.world.get(&format!("accounts({})?$select={select}", self.account)).await.ok().json
    }
}

#[tokio::test]
async fn an_image_is_a_value_of_its_row() {
    let files = Files::new().await;
    let made = json!({ "name": "With image", "entityimage": STANDARD.encode(png(300, 200)) });
    let made = files.world.post("accounts", made).await.ok().id();
    files.change(json!({ "entityimage": STANDARD.encode(png(91, 130)) })).await;
    let row = files.account("entityimage,entityimageid,entityimage_url,entityimage_timestamp").await;
    assert_eq!(sides(&row["entityimage"]), (91, 91));
    let (id, ticks) = (row["entityimageid"].as_str().unwrap(), row["entityimage_timestamp"].as_i64().unwrap());
    let address = format!("/Image/download.aspx?Entity=account&Attribute=entityimage&Id={id}&Timestamp={ticks}");
    assert_eq!(row["entityimage_url"], json!(address));
    // 2026-11-22T09:07:46Z, in units of 100 nanoseconds from the year 1 on.
    assert_eq!(ticks, 639_309_352_660_000_000);

    // In a list, each row shows its own; where nobody asks, none does.
    let list = files
        .world
        .get("accounts?$select=name,entityimage&$orderby=createdon&$filter=startswith(name,'With')")
        .await
        .ok();
    let shown: Vec<Value> = list.rows().iter().map(|row| row["entityimage"].clone()).collect();
    let mut seen: Vec<_> = shown.iter().map(sides).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(91, 91), (144, 144)]);
    assert!(files.world.get(&format!("accounts({made})")).await.ok().json.get("entityimage").is_none());

    // Alone, raw, and as it came: that one was not kept.
    assert_eq!(sides(&files.image("entityimage").await.json()["value"]), (91, 91));
    let raw = files.image("entityimage/$value").await;
    assert_eq!((raw.status, raw.header("mimetype")), (StatusCode::OK, "image/jpeg"));
    assert_eq!(STANDARD.encode(&raw.bytes), row["entityimage"].as_str().unwrap());
    assert_eq!(files.image("entityimage/$value?size=full").await.status, StatusCode::NO_CONTENT);
    files.world.get("accounts?$filter=entityimage ne null").await.refused(501, "0x80040315");

    for clear in [0, 1, 2] {
        files.change(json!({ "entityimage": STANDARD.encode(png(20, 20)) })).await;
        let path = format!("accounts({})/entityimage", files.account);
        match clear {
            0 => files.change(json!({ "entityimage": null })).await,
            1 => drop(files.world.delete(&path).await.ok()),
            _ => {
                let null = Some(json!({ "value": null }));
                files.world.send(&files.world.admin, Method::PUT, &path, &[], null).await.ok();
            }
        }
        let row = files.account("entityimage,entityimageid,entityimage_url,entityimage_timestamp").await;
        for column in ["entityimage", "entityimageid", "entityimage_url", "entityimage_timestamp"] {
            assert!(row[column].is_null(), "{clear} {row}");
        }
    }
}

#[tokio::test]
async fn a_column_keeps_full_images_where_its_definition_says_so() {
    let files = Files::new().await;
    let image = png(300, 428);
    let headers = [("Content-Type", "application/octet-stream"), ("x-ms-file-name", "photo.png")];
    let path = format!("accounts({})/new_photo", files.account);
    let admin = &files.world.admin;
    let sent = files.world.send_bytes(admin, Method::PATCH, &path, &headers, Bytes::from(image.clone())).await;
    assert_eq!(sent.status, StatusCode::NO_CONTENT, "{sent:?}");
    assert_eq!(sides(&files.account("new_photo").await["new_photo"]), (144, 144));
    let full = files.image("new_photo/$value?size=full").await;
    assert_eq!((full.bytes[..] == *image, full.header("mimetype")), (true, "image/png"));
    assert_eq!(full.header("x-ms-file-name"), "photo.png");
    assert_ne!(&files.image("new_photo/$value").await.bytes[..], image);
    let target = json!({
        "Target": { "accountid": files.account, "@odata.type": "Microsoft.Dynamics.CRM.account" },
        "FileAttributeName": "new_photo",
    });
    let begun = files.world.post("InitializeFileBlocksDownload", target).await.ok().json;
    assert_eq!(begun["FileSizeInBytes"], json!(image.len()));
    files.world.get(&format!("{path}?size=small")).await.refused(400, "0x80060888");
}

/// A few bytes that say that they are 20,000 by 10,000 pixels.
fn bomb() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_luma8(1, 1).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    let mut bytes = bytes.into_inner();
    // The frame's header: marker, length, precision, height, width.
    let frame = bytes.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&10_000_u16.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&20_000_u16.to_be_bytes());
    bytes
}

#[tokio::test]
async fn images_with_endless_pixels_are_not_decoded() {
    let files = Files::new().await;
    let body = json!({ "entityimage": STANDARD.encode(bomb()) });
    let refused = files.world.patch(&format!("accounts({})", files.account), body).await;
    assert!(refused.refused(400, "0x80072553").contains("at most 100000000 pixels together"), "{}", refused.text);
    assert!(files.account("entityimage").await["entityimage"].is_null());
}

#[tokio::test]
async fn what_is_no_image_of_the_column_is_refused() {
    let files = Files::new().await;
    let path = format!("accounts({})", files.account);
    let text = json!({ "entityimage": STANDARD.encode("no image") });
    let refused = files.world.patch(&path, text).await;
    let message = refused.refused(400, "0x80072553");
    assert!(message.contains(&files.account.to_string()) && message.ends_with("attribute: entityimage"), "{message}");
    files.world.patch(&path, json!({ "entityimage": "?" })).await.refused(400, "0x80048d19");
    let mut large = png(10, 10);
    large.resize(64 * 1024 + 1, 0);
    let large = json!({ "new_photo": STANDARD.encode(large) });
    assert!(files.world.patch(&path, large).await.refused(400, "0x80072553").contains("File size is too big."));
    let second = json!({ "name": "New", "new_photo": STANDARD.encode(png(10, 10)) });
    let refused = files.world.post("accounts", second).await;
    assert!(refused.refused(400, "0x80090487").starts_with("Non-primary image attribute new_photo of entity account"));
    assert!(files.account("entityimage,new_photo").await["new_photo"].is_null());
}
