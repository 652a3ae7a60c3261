//! The threads on which strangers are served.
//!
//! Whoever connects can put as many threads to work as there are: reading what they send, and writing what they asked for. So
//! that work has threads of its own. What is sent has others, between which and these the operating system shares the
//! machine: a page waits for no request to come to its end.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Dropped when the server has ended; what is still under way then is cut.
#[derive(Debug)]
pub(super) struct Front {
    threads: Handle,
    /// None when it is being dropped.
    runtime: Option<Runtime>,
}

impl Front {
    /// # Errors
    /// The system gives no threads.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("front").enable_all().build()?;
        Ok(Self { threads: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub fn threads(&self) -> &Handle {
        &self.threads
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // It is dropped in a task, and tasks must not wait for threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
