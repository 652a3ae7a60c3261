//! The templates, compiled once.

use std::path::Path;

use minijinja::Environment;

use super::message::RenderError;
use super::{cuttable, plain, spoken, templates, text, times};

/// What an SMS may take, in parts, unless the settings say otherwise.
const SMS_PARTS: usize = 3;

/// Renders messages; made once, at start.
#[derive(Debug)]
pub struct Renderer {
    pub(super) templates: Environment<'static>,
    /// For phrases whose own template fails.
    pub(super) built_in: Environment<'static>,
    pub(super) sms_parts: usize,
}

impl Renderer {
    /// With the built-in templates, and those in `folder` instead of them.
    ///
    /// # Errors
    /// A file in the folder is none of the templates' names, cannot be read, or is no template; the error names it and the line.
    pub fn new(folder: Option<&Path>) -> Result<Self, RenderError> {
        let environment = |folder| {
            let mut templates = Environment::new();
            plain::register(&mut templates);
            cuttable::register(&mut templates);
            times::register(&mut templates);
            spoken::register(&mut templates);
            text::register(&mut templates);
            templates::load(&mut templates, folder)?;
            Ok(templates)
        };
        Ok(Self { templates: environment(folder)?, built_in: environment(None)?, sms_parts: SMS_PARTS })
    }

    /// With the built-in templates alone.
    ///
    /// # Panics
    /// Never: that they are templates, tests see to.
    #[expect(clippy::expect_used, reason = "the templates are compiled in")]
    pub fn built_in() -> Self {
        Self::new(None).expect("the built-in templates are templates")
    }

    /// Lets an SMS have so many parts at most.
    #[must_use]
    pub fn with_sms_parts(self, sms_parts: usize) -> Self {
        Self { sms_parts, ..self }
    }
}
