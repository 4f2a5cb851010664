//! The two files beside the pages.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};

use crate::web::headers::KEEP_FOR_GOOD;
use crate::web::view::{ICON, SCRIPT};

type File = ([(HeaderName, HeaderValue); 2], &'static str);

/// The script. Its address changes with it.
pub async fn script() -> File {
    (
        [(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")), (CACHE_CONTROL, KEEP_FOR_GOOD)],
        SCRIPT,
    )
}

/// The icon.
pub async fn icon() -> File {
    let a_day = HeaderValue::from_static("public, max-age=86400");
    ([(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")), (CACHE_CONTROL, a_day)], ICON)
}
