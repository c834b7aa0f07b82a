//! How services of this process reach each other and those elsewhere.

use std::sync::Arc;

use dossier_access::SigningKey;
use dossier_kernel::{Clock, Error, Reason, Result};
use dossier_rpc::{Channel, ClientTls, Local, TokenSource};

use crate::config::{Config, SERVICES};
use crate::recipe::{Peers, Recipe};

/// What a way depends on.
pub(crate) struct Ways<'a> {
    pub config: &'a Config,
    pub recipes: &'a [Recipe],
    pub local: &'a Local,
    pub signing: &'a Arc<SigningKey>,
    pub tls: Option<ClientTls>,
}

impl Ways<'_> {
    /// The ways of `service` to all four: without a socket to those of this process.
    pub fn of(&self, service: &str) -> Result<Peers> {
        let [profile, interaction, segmentation, feedback] = SERVICES;
        Ok(Peers {
            profile: self.to(profile, service)?,
            interaction: self.to(interaction, service)?,
            segmentation: self.to(segmentation, service)?,
            feedback: self.to(feedback, service)?,
        })
    }

    /// The way of `asker` to `service`.
    pub fn to(&self, service: &str, asker: &str) -> Result<Channel> {
        let tokens = TokenSource::service(Arc::clone(self.signing), asker, Clock::system());
        if self.recipes.iter().any(|recipe| recipe.name == service) {
            return Ok(Channel::in_process(self.local, tokens));
        }
        let uri = self.config.peers.get(service);
        let uri = uri.map(String::as_str).unwrap_or_default();
        let way = match &self.tls {
            Some(tls) if uri.starts_with("https://") => Channel::secured(uri, tokens, tls),
            _ => Channel::network(uri, tokens),
        };
        way.map_err(|error| {
            let message =
                format!("peers.{service} is not an address such as http://127.0.0.1:50051.");
            Error::new(Reason::InvalidArgument, message).caused_by(error)
        })
    }
}
