//! The local org: data folder, certificate authority, listener and control endpoints
