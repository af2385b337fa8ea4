//! Real clients against one local org each.

mod msal_python;
mod program;
