//! Where a run sends: the endpoint of the settings, or an embedded sandbox.

use crate::delivery::Http;
use crate::error::Error;
use crate::options::run::RunSettings;
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::secret::{Credentials, Secret};

/// The credentials for the embedded sandbox, which takes any.
const SANDBOX_EMAIL: &str = "sandbox@example.com";
const SANDBOX_API_KEY: &str = "sandbox";

/// An endpoint, ready to be sent to.
pub(super) struct OpenTarget {
    pub(super) http: Http,
    /// The address without what could be secret.
    pub(super) shown: String,
    /// Runs until it is dropped.
    _sandbox: Option<Sandbox>,
}

impl OpenTarget {
    /// Prepares the endpoint, and starts the sandbox where that is the target. `None` where nothing
    /// is sent.
    pub(super) fn open(settings: &RunSettings) -> Result<Option<Self>, Error> {
        let (endpoint, credentials, sandbox) = match &settings.credentials {
            _ if settings.args.dry_run => return Ok(None),
            Some(credentials) => (settings.args.run.endpoint.clone(), credentials.clone(), None),
            None => {
                let settings = SandboxSettings::default();
                let sandbox = Sandbox::start(([127, 0, 0, 1], 0).into(), settings)?;
                let (email, key) = (Secret::new(SANDBOX_EMAIL)?, Secret::new(SANDBOX_API_KEY)?);
                (sandbox.url().parse()?, Credentials::new(email, key), Some(sandbox))
            }
        };
        let http = Http::new(&endpoint, credentials, &settings.limits)?;
        Ok(Some(Self { http, shown: endpoint.shown(), _sandbox: sandbox }))
    }
}
