//! The way to a running suite: an address and, where it asks for one, a token.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use crate::failure::{Failure, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What every client of this command line is built on.
pub(crate) type Wire = InterceptedService<Channel, Bearer>;

#[derive(Args, Clone)]
pub(crate) struct Connect {
    /// Where the suite serves
    #[arg(
        long,
        value_name = "URL",
        env = "DOSSIER_ADDRESS",
        default_value = "http://127.0.0.1:50050",
        help_heading = "Connection"
    )]
    pub address: String,

    /// A token, as `dossier token` makes them; not needed on the machine of an embedded suite
    #[arg(
        long,
        value_name = "TOKEN",
        env = "DOSSIER_TOKEN",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub token: Option<String>,

    /// The authority of the suite's certificate, in PEM [default: the system's]
    #[arg(
        long,
        value_name = "FILE",
        env = "DOSSIER_CA_FILE",
        help_heading = "Connection"
    )]
    pub ca_file: Option<PathBuf>,
}

impl Connect {
    pub async fn wire(&self) -> Result<Wire> {
        let bearer = Bearer::new(self.token.as_deref())?;
        let channel = self
            .endpoint()?
            .connect()
            .await
            .map_err(|error| self.unreachable(root(&error)))?;
        Ok(InterceptedService::new(channel, bearer))
    }

    pub fn unreachable(&self, cause: impl Into<String>) -> Failure {
        Failure::Unreachable {
            address: self.address.clone(),
            cause: cause.into(),
        }
    }

    pub fn endpoint(&self) -> Result<Endpoint> {
        let address = if self.address.contains("://") {
            self.address.clone()
        } else {
            format!("http://{}", self.address)
        };
        let endpoint = Endpoint::from_shared(address).map_err(|_| {
            Failure::usage(format!(
                "--address {} is none; one looks like http://127.0.0.1:50050.",
                self.address
            ))
        })?;
        let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
        if endpoint.uri().scheme_str() != Some("https") {
            return Ok(endpoint);
        }
        let tls = ClientTlsConfig::new();
        let tls = match &self.ca_file {
            Some(path) => {
                let pem = std::fs::read(path)
                    .map_err(|error| Failure::io(path.display().to_string(), error))?;
                tls.ca_certificate(Certificate::from_pem(pem))
            }
            None => tls.with_native_roots(),
        };
        endpoint
            .tls_config(tls)
            .map_err(|error| Failure::usage(format!("--ca-file cannot be used: {error}.")))
    }
}

/// What is at the bottom of it: a refused connection, or a certificate that nobody vouches for.
fn root(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

/// Puts the token on every call.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: Option<&str>) -> Result<Self> {
        let Some(token) = token.map(str::trim).filter(|token| !token.is_empty()) else {
            return Ok(Self(None));
        };
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}")
            .parse()
            .map_err(|_| Failure::usage("The token holds characters that no token has."))?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}
