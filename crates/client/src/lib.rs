//! The client library: credentials, discovery, Graph and the Web API
