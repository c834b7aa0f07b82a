#![doc = include_str!("../README.md")]
#![expect(
    clippy::large_enum_variant,
    reason = "messages are generated; boxing a variant would change the contract crate for nothing"
)]

/// The compiled contract with its comments and options: for reflection, access rules and classes.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub mod common {
    pub mod v1 {
        tonic::include_proto!("dossier.common.v1");
    }
}

pub mod access {
    pub mod v1 {
        tonic::include_proto!("dossier.access.v1");
    }
}

pub mod audit {
    pub mod v1 {
        tonic::include_proto!("dossier.audit.v1");
    }
}

pub mod profile {
    pub mod v1 {
        tonic::include_proto!("dossier.profile.v1");
    }
}

pub mod interaction {
    pub mod v1 {
        tonic::include_proto!("dossier.interaction.v1");
    }
}

pub mod segmentation {
    pub mod v1 {
        tonic::include_proto!("dossier.segmentation.v1");
    }
}

pub mod feedback {
    pub mod v1 {
        tonic::include_proto!("dossier.feedback.v1");
    }
}

pub mod subject {
    pub mod v1 {
        tonic::include_proto!("dossier.subject.v1");
    }
}

pub mod vault {
    pub mod v1 {
        tonic::include_proto!("dossier.vault.v1");
    }
}
