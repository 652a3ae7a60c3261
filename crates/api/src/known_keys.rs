//! Digests of keys that were found valid lately: they are looked up without waiting behind who tries wrong ones.

use quick_cache::sync::Cache;

/// Keys that are remembered.
const MOST: usize = 10_000;

pub(crate) struct KnownKeys(Cache<String, ()>);

impl Default for KnownKeys {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl KnownKeys {
    pub fn has(&self, digest: &str) -> bool {
        self.0.get(digest).is_some()
    }

    pub fn add(&self, digest: String) {
        self.0.insert(digest, ());
    }

    pub fn forget(&self, digest: &str) {
        self.0.remove(digest);
    }
}
