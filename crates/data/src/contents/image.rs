//! Images: which of them a column takes, and the thumbnails that rows show.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, GenericImageView, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use keyholder_dataverse::error;
use keyholder_dataverse::schema::{Column, Table};
use keyholder_store::statement::{Delete, Insert, Select, all, column, literal, parameter, qualified};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction, Value};
use uuid::Uuid;

use super::{FILES, File, PIECES};
use crate::error::Failure;

pub(super) const THUMBNAILS: &str = "keyholder_thumbnail";
/// What thumbnails are.
pub(crate) const THUMBNAIL: &str = "image/jpeg";
/// The sides of a thumbnail, in pixels.
const SIDE: u32 = 144;
/// The quality of a thumbnail, of 100.
const QUALITY: u8 = 90;
/// The longest side of an image that is looked at, in pixels, and the most memory for that, in bytes: small files can
/// say that they hold endless images.
const LONGEST_SIDE: u32 = 20_000;
const MOST_MEMORY: u64 = 256 * 1024 * 1024;
/// The images of one transaction have at most this many pixels together: nobody else writes while they are decoded.
const MOST_PIXELS: u64 = 100_000_000;
/// The thumbnails of one answer have at most this many bytes together.
const MOST_THUMBNAILS: usize = 24 * 1024 * 1024;

/// The formats that image columns take.
const FORMATS: [(ImageFormat, &str); 5] = [
    (ImageFormat::Gif, "image/gif"),
    (ImageFormat::Jpeg, "image/jpeg"),
    (ImageFormat::Tiff, "image/tiff"),
    (ImageFormat::Bmp, "image/bmp"),
    (ImageFormat::Png, "image/png"),
];

/// How many pixels a transaction may still decode.
pub(crate) struct Pixels(Cell<u64>);

impl Default for Pixels {
    fn default() -> Self {
        Self(Cell::new(MOST_PIXELS))
    }
}

impl Pixels {
    fn take(&self, (width, height): (u32, u32)) -> Result<(), Failure> {
        let left = self.0.get().checked_sub(u64::from(width) * u64::from(height));
        self.0.set(left.ok_or_else(|| error::too_many_pixels(MOST_PIXELS))?);
        Ok(())
    }
}

/// Keeps an image, whose bytes lie in the store already, as its column wants it: with a thumbnail, and as it came only
/// where the column keeps full images.
pub(crate) fn keep(
    tx: &mut Transaction<'_>,
    file: &mut File,
    bytes: &[u8],
    (table, of): (&Arc<Table>, &Column),
    pixels: &Pixels,
) -> Result<(), Failure> {
    let refused = || error::image_not_processed(file.place.row, table.logical_name(), &of.name);
    let (image, media_type) = opened(bytes).ok_or_else(refused)?;
    pixels.take(image.dimensions())?;
    let thumbnail = reduced(image).ok_or_else(refused)?;
    file.media_type = Some(media_type.to_owned());
    let insert = Insert::into(THUMBNAILS).columns(["file", "bytes"]);
    tx.execute(&Prepared::new(insert)?, &[file.id.into(), thumbnail.into()])?;
    if !of.contents().is_some_and(|limit| limit.full_image) {
        let pieces = Delete::from(PIECES).filter(column("file").equals(parameter(0)));
        tx.execute(&Prepared::new(pieces)?, &[file.id.into()])?;
        (file.size, file.received, file.pieces) = (None, 0, 0);
    }
    Ok(())
}

/// The thumbnail of an image.
pub(crate) fn thumbnail(snapshot: &mut Snapshot<'_>, file: Uuid) -> Result<Option<Vec<u8>>, Failure> {
    let find = Select::from(THUMBNAILS).column("bytes", Kind::Bytes).filter(column("file").equals(parameter(0)));
    Ok(snapshot.first(&Prepared::new(find)?, &[file.into()], |row| Ok(row.get::<&[u8]>(0)?.to_vec()))?)
}

/// The thumbnails that some rows of a table show in one of its columns, by row.
pub(crate) fn thumbnails(
    snapshot: &mut Snapshot<'_>,
    table: i32,
    of: &Column,
    rows: &[Uuid],
) -> Result<HashMap<Uuid, Vec<u8>>, Failure> {
    let file = |name: &'static str| qualified("f", name);
    let find = Select::from(FILES)
        .alias("f")
        .join(THUMBNAILS, "t", qualified("t", "file").equals(file("file")))
        .project(file("object"), Kind::Uuid)
        .project(qualified("t", "bytes"), Kind::Bytes)
        .filter(all([
            file("object_table").equals(parameter(0)),
            file("object").in_list(1),
            file("column_name").equals(parameter(2)),
            file("complete").equals(literal(true)),
        ]));
    let values = [table.into(), Value::ids(rows.iter().copied()), of.name.as_ref().into()];
    let (mut found, mut size) = (HashMap::new(), 0);
    snapshot.for_each(&Prepared::new(find)?, &values, |row| {
        let bytes: &[u8] = row.get(1)?;
        size += bytes.len();
        if size > MOST_THUMBNAILS {
            return Err(Failure::from(error::odata(
                "The images of these rows are too large for one answer: ask for smaller pages.",
            )));
        }
        found.insert(row.get(0)?, bytes.to_vec());
        Ok(())
    })?;
    Ok(found)
}

/// An image that is not decoded yet, and its media type; nothing for what is no image that a column takes.
fn opened(bytes: &[u8]) -> Option<(impl ImageDecoder, &'static str)> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let (_, media_type) = FORMATS.into_iter().find(|(format, _)| reader.format() == Some(*format))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST_SIDE), Some(LONGEST_SIDE));
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits.clone());
    let mut image = reader.into_decoder().ok()?;
    limits.reserve(image.total_bytes()).ok()?;
    image.set_limits(limits).ok()?;
    Some((image, media_type))
}

/// The thumbnail of an image; nothing for one that is broken, or has no pixels.
fn reduced(image: impl ImageDecoder) -> Option<Vec<u8>> {
    let image = DynamicImage::from_decoder(image).ok()?;
    let (width, height) = image.dimensions();
    let side = width.min(height);
    if side == 0 {
        return None;
    }
    let square = image.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    let small = if side > SIDE { square.resize_exact(SIDE, SIDE, FilterType::Triangle) } else { square };
    let mut thumbnail = Vec::new();
    JpegEncoder::new_with_quality(&mut thumbnail, QUALITY).encode_image(&on_white(&small)).ok()?;
    Some(thumbnail)
}

/// The image without anything that could be seen through.
fn on_white(image: &DynamicImage) -> RgbImage {
    let image = image.to_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0;
        let over = |value: u8| {
            let blended = (u16::from(value) * u16::from(alpha) + 255 * (255 - u16::from(alpha))) / 255;
            u8::try_from(blended).unwrap_or(u8::MAX)
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let image =
            RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn reduced(bytes: &[u8]) -> Option<(Vec<u8>, &'static str)> {
        let (image, media_type) = opened(bytes)?;
        Some((super::reduced(image)?, media_type))
    }

    #[test]
    fn the_pixels_of_one_transaction_have_an_end() {
        let pixels = Pixels::default();
        for _ in 0..4 {
            pixels.take((5_000, 5_000)).unwrap();
        }
        let Err(Failure::Answer(refused)) = pixels.take((1, 1)) else { panic!("it has no end") };
        assert!(refused.to_string().contains("100000000 pixels"), "{refused}");
        pixels.take((0, 7)).unwrap();
    }

    #[test]
    fn every_format_becomes_a_square_of_at_most_144_pixels() {
        for (format, media_type) in FORMATS {
            for (width, height, side) in [(300, 428, 144), (91, 130, 91), (1, 7, 1), (144, 144, 144)] {
                let (thumbnail, known) = reduced(&encoded(width, height, format)).unwrap();
                assert_eq!(known, media_type);
                let small = image::load_from_memory_with_format(&thumbnail, ImageFormat::Jpeg).unwrap();
                assert_eq!(small.dimensions(), (side, side), "{format:?} {width}x{height}");
            }
        }
    }

    #[test]
    fn the_middle_is_kept() {
        let (thumbnail, _) = reduced(&encoded(400, 200, ImageFormat::Png)).unwrap();
        let small = image::load_from_memory(&thumbnail).unwrap().to_rgb8();
        let [left, right] = [small.get_pixel(4, 72).0, small.get_pixel(139, 72).0];
        assert!(left[0] > 200 && left[2] < 60 && right[2] > 200 && right[0] < 60, "{left:?} {right:?}");
    }

    #[test]
    fn what_is_no_image_is_none() {
        let png = encoded(20, 20, ImageFormat::Png);
        for bytes in
            [&b""[..], b"GIF89a", b"%PDF-1.7", &png[..png.len() / 2], b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
        {
            assert!(reduced(bytes).is_none());
        }
        // A header that promises more pixels than are looked at.
        let mut huge = encoded(1, 1, ImageFormat::Bmp);
        huge[18..22].copy_from_slice(&100_000_u32.to_le_bytes());
        assert!(reduced(&huge).is_none());
    }
}
