//! Where shipments go: the endpoint of the settings, or a sandbox of the run's own.

use crate::delivery::Http;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::limits::Limits;
use crate::options::run::RunTarget;
use crate::sandbox::{self, Sandbox};
use crate::secret::{Credentials, Secret};

/// The credentials that a sandbox gets, since it takes any.
const SANDBOX_EMAIL: &str = "sandbox@example.com";
const SANDBOX_API_KEY: &str = "sandbox";

/// The endpoint of a run, ready to be sent to.
pub(super) struct Site {
    pub(super) http: Http,
    /// Its address, as it may be shown.
    pub(super) shown: String,
    /// Kept while it is sent to.
    _sandbox: Option<Sandbox>,
}

impl Site {
    /// Prepares the endpoint; starts the sandbox where that is the target. `None` where nothing is
    /// to be sent.
    pub(super) fn open(target: &RunTarget, limits: &Limits) -> Result<Option<Self>, Error> {
        match target {
            RunTarget::Nowhere => Ok(None),
            RunTarget::Endpoint { endpoint, credentials } => {
                Self::at(endpoint, credentials.clone(), limits, None).map(Some)
            }
            RunTarget::Sandbox => {
                let sandbox =
                    Sandbox::start(([127, 0, 0, 1], 0).into(), sandbox::Settings::default())?;
                let credentials =
                    Credentials::new(Secret::new(SANDBOX_EMAIL)?, Secret::new(SANDBOX_API_KEY)?);
                Self::at(&sandbox.url().parse()?, credentials, limits, Some(sandbox)).map(Some)
            }
        }
    }

    fn at(
        endpoint: &Endpoint,
        credentials: Credentials,
        limits: &Limits,
        sandbox: Option<Sandbox>,
    ) -> Result<Self, Error> {
        let http = Http::new(endpoint.url().clone(), credentials, limits)?;
        Ok(Self { http, shown: endpoint.shown(), _sandbox: sandbox })
    }
}
