//! `[oidc]`: the identity provider by which people sign in to the page.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;
use watchbell_core::Secret;
use watchbell_core::access::Role;
use watchbell_oidc::Settings;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Empty: nobody signs in so.
    issuer: String,
    client_id: String,
    client_secret: Secret,
    scopes: Vec<String>,
    role_claim: String,
    roles: BTreeMap<Role, Vec<String>>,
    create_users: bool,
    label: String,
    ca_file: PathBuf,
}

impl Oidc {
    /// None where nobody signs in so.
    pub fn settings(&self) -> Option<Settings> {
        (!self.issuer.is_empty()).then(|| Settings {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: Some(self.client_secret.clone()).filter(|secret| !secret.is_empty()),
            scopes: self.scopes.clone(),
            role_claim: self.role_claim.clone(),
            roles: self.roles.clone(),
            create_users: self.create_users,
            label: self.label.clone(),
        })
    }

    /// What is trusted beside the public authorities.
    pub fn ca_file(&self) -> Option<PathBuf> {
        Some(self.ca_file.clone()).filter(|file| !file.as_os_str().is_empty())
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        let label = (1..=60).contains(&self.label.chars().count()) && !self.label.chars().any(char::is_control);
        at.check(label, "label", "must be 1 to 60 characters, such as \"Sign in with Keycloak\"");
        if self.issuer.is_empty() {
            return;
        }
        let issuer = Url::parse(&self.issuer).is_ok_and(|url| {
            let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
            let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
            is_safe && url.has_host() && url.query().is_none() && url.fragment().is_none()
        });
        let right = "must be the issuer as its discovery document writes it: an https:// URL such as https://id.example.org/realms/ops \
                     (http:// for this machine alone), or empty";
        at.check(issuer, "issuer", right);
        at.check(!self.client_id.is_empty(), "client_id", "must be what the identity provider calls this application");
        at.check(!self.role_claim.is_empty(), "role_claim", "must be the name of a claim of the ID token, such as groups");
        let roles = self.roles.iter().all(|(role, _)| *role != Role::Publisher) && self.roles.values().any(|values| !values.is_empty());
        at.check(
            roles,
            "roles",
            "must give values of role_claim for one or more of admin, reader, user, such as { admin = [\"ops\"], user = [\"*\"] }",
        );
        let scopes = self.scopes.iter().all(|scope| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'));
        at.check(scopes, "scopes", "must be a list of scopes such as [\"profile\", \"email\"]");
    }
}
