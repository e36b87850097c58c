//! Where one message ends on a stream.

/// Why a stream can no longer be read as SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    #[error("no Content-Length on a stream")]
    NoContentLength,
    #[error("Content-Length is not a number")]
    BadContentLength,
    #[error("two Content-Length rows disagree")]
    ConflictingContentLength,
    #[error("the header block is larger than the limit")]
    HeaderTooLarge,
    #[error("the body is larger than the limit")]
    BodyTooLarge,
    #[error("this is not SIP")]
    NotSip,
}
