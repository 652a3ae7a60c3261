//! Proxies that are trusted to say for whom they call.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Which peers' `X-Forwarded-For` is believed.
#[derive(Clone)]
pub struct TrustedProxies(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl TrustedProxies {
    pub fn new(is_trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_trusted))
    }

    pub fn none() -> Self {
        Self::new(|_| false)
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        (self.0)(address)
    }
}

impl fmt::Debug for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrustedProxies")
    }
}
