//! The local token service and directory
