//! Contents of file and image columns.

use super::{KnownError, Who};

pub(super) mod code {
    //! The codes by name.

    /// `unManagedidsattachmentinvalidfilesize`
    pub const ATTACHMENT_TOO_BIG: u32 = 0x8004_4A02;
    /// `ProcessImageFailure`
    pub const PROCESS_IMAGE_FAILURE: u32 = 0x8007_2553;
    /// `CannotUploadNonPrimaryImageAttributeOnCreate`
    pub const NON_PRIMARY_IMAGE_ON_CREATE: u32 = 0x8009_0487;
}

/// By code.
pub(super) const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::ATTACHMENT_TOO_BIG,
        name: "unManagedidsattachmentinvalidfilesize",
        status: 400,
        explanation: "The file is larger than its column takes.",
        mend: "Send a smaller file, or give the column a larger MaxSizeInKB.",
        who: Who::Customizer,
    },
    KnownError {
        code: code::PROCESS_IMAGE_FAILURE,
        name: "ProcessImageFailure",
        status: 400,
        explanation: "The image is too large for its column, or of no type that image columns take.",
        mend: "Send a GIF, JPEG, TIFF, BMP or PNG image of at most the column's MaxSizeInKB.",
        who: Who::Program,
    },
    KnownError {
        code: code::NON_PRIMARY_IMAGE_ON_CREATE,
        name: "CannotUploadNonPrimaryImageAttributeOnCreate",
        status: 400,
        explanation: "A new row takes only its table's primary image.",
        mend: "Make the row first, and set the image with a change to it.",
        who: Who::Program,
    },
];
