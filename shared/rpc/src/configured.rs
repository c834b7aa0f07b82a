//! Settings that every generated server shares. They have no trait in common, hence a macro.

/// A generated server that reads and writes gzip and zstd, and decodes what the layers let in.
///
/// ```ignore
/// let routes = Routes::new(configured!(CustomerServiceServer::new(api)));
/// ```
#[macro_export]
macro_rules! configured {
    ($server:expr) => {{
        use $crate::tonic::codec::CompressionEncoding::{Gzip, Zstd};
        $server
            .accept_compressed(Gzip)
            .accept_compressed(Zstd)
            .send_compressed(Gzip)
            .send_compressed(Zstd)
            .max_decoding_message_size($crate::BULK_MESSAGE_BYTES_MAX)
    }};
}
