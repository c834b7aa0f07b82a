//! The contract's messages by their descriptors, which protobuf JSON is read and written by.

use dossier_kernel::{Error, Result};
use prost_reflect::{DescriptorPool, MessageDescriptor};

/// All messages.
pub fn pool() -> Result<DescriptorPool> {
    DescriptorPool::decode(dossier_proto::DESCRIPTORS).map_err(Error::internal)
}

/// Customer.
pub fn customer() -> Result<MessageDescriptor> {
    let descriptor = pool()?.get_message_by_name("dossier.profile.v1.Customer");
    descriptor.ok_or_else(|| Error::internal("the contract has no Customer"))
}
