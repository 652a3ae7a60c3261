//! The REST surfaces, event intake and provider callbacks
