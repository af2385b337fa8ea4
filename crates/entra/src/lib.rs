//! The nouns of OAuth 2.0, OpenID Connect and Microsoft Graph, compact JWS, and the AADSTS table
