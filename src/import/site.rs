//! Where shipments go: the endpoint of the settings, or a sandbox of the run's own.

use crate::delivery::Http;
use crate::error::Error;
use crate::limits::Limits;
use crate::sandbox::{self, Sandbox};
use crate::secret::{Credentials, Secret};
use crate::settings::Target;

/// The credentials that a sandbox gets, since it takes any.
const SANDBOX_EMAIL: &str = "sandbox@example.com";
const SANDBOX_API_KEY: &str = "sandbox";

/// The endpoint of a run, ready to be sent to.
pub(super) struct Site {
    pub(super) http: Http,
    /// Its address, as it may be shown.
    pub(super) shown: String,
    /// Kept while it is sent to.
    pub(super) sandbox: Option<Sandbox>,
}

impl Site {
    /// Prepares the endpoint; starts the sandbox where that is the target.
    pub(super) fn open(target: &Target, limits: &Limits) -> Result<Self, Error> {
        match target {
            Target::Endpoint { endpoint, credentials } => Ok(Self {
                http: Http::new(endpoint.url().clone(), credentials, limits)?,
                shown: endpoint.shown(),
                sandbox: None,
            }),
            Target::Sandbox => {
                let sandbox = Sandbox::start(([127, 0, 0, 1], 0).into(), sandbox::Settings::default())?;
                let credentials = Credentials::new(Secret::new(SANDBOX_EMAIL)?, Secret::new(SANDBOX_API_KEY)?);
                let endpoint: crate::endpoint::Endpoint = sandbox.url().parse()?;
                let http = Http::new(endpoint.url().clone(), &credentials, limits)?;
                Ok(Self { http, shown: endpoint.shown(), sandbox: Some(sandbox) })
            }
        }
    }
}
