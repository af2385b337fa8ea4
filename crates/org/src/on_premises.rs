//! An org that pretends to stand on a server of one's own: Internet Information Services with
//! Windows authentication in front, which no token opens.
//!
//! A reading, from what such servers are known to answer: every request is met with a 401 that
//! offers `Negotiate` and `NTLM`, and that names no authority to ask for a token. It is here so that
//! a program can be seen to say what is wrong, not so that anybody gets in.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SERVER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

const BODY: &str = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \
    \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\r\n<html xmlns=\"http://www.w3.org/1999/xhtml\">\r\n\
    <head><title>401 - Unauthorized: Access is denied due to invalid credentials.</title></head>\r\n<body>\r\n\
    <h1>Server Error</h1>\r\n<h2>401 - Unauthorized: Access is denied due to invalid credentials.</h2>\r\n\
    <h3>You do not have permission to view this directory or page using the credentials that you supplied.</h3>\r\n\
    </body>\r\n</html>\r\n";

/// The one answer that there is.
pub(crate) fn respond(request: &Request<Bytes>) -> Response<Bytes> {
    let body = if request.method() == http::Method::HEAD { "" } else { BODY };
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(SERVER, HeaderValue::from_static("Microsoft-IIS/10.0"));
    for scheme in ["Negotiate", "NTLM"] {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    headers.insert(HeaderName::from_static("x-powered-by"), HeaderValue::from_static("ASP.NET"));
    response
}
