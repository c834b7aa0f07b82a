//! What the feed says of an interaction: its id. What is recorded never changes, so followers are
//! given the row itself when they ask, and nothing personal is kept twice.

use dossier_kernel::id::InteractionId;
use dossier_kernel::{Error, Result};
use uuid::Uuid;

/// A later form of the body gets another first byte.
const VERSION: u8 = 1;

pub fn body(id: InteractionId) -> Vec<u8> {
    let mut body = Vec::with_capacity(17);
    body.push(VERSION);
    body.extend_from_slice(id.uuid().as_bytes());
    body
}

pub fn read(body: &[u8]) -> Result<InteractionId> {
    match body {
        [VERSION, id @ ..] => Uuid::from_slice(id).ok(),
        _ => None,
    }
    .map(InteractionId)
    .ok_or_else(|| Error::internal("an event of the interaction feed is spoiled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_body_and_nothing_from_another() {
        let id = InteractionId::generate();
        assert_eq!(read(&body(id)).expect("reads"), id);
        assert!(read(&[]).is_err());
        assert!(read(&[2; 17]).is_err());
        assert!(read(&[1; 16]).is_err());
    }
}
