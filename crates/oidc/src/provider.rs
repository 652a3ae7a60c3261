//! The provider as its discovery document describes it, and what is asked of it.

use std::future::Future;

use chrono::DateTime;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError, Client, ClientId, ClientSecret, CsrfToken, DiscoveryError,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdToken, IdTokenClaims, IdTokenFields,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use watchbell_core::{Secret, Timestamp};
use watchbell_providers::http::Http;

use crate::attempt::Attempt;
use crate::identity::{Identity, values};
use crate::{Settings, SignOnError};

/// The claims that the standard has no name for.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Fields =
    IdTokenFields<OtherClaims, EmptyExtraTokenFields, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Token = IdToken<OtherClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Claims = IdTokenClaims<OtherClaims, CoreGenderClaim>;
type OidcClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

pub(crate) struct Provider(OidcClient);

/// Why a token does not show who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotVerified {
    /// It may be signed with a key that the provider has had since.
    UnknownKey,
    Refused(&'static str),
}

impl From<NotVerified> for SignOnError {
    fn from(why: NotVerified) -> Self {
        match why {
            NotVerified::UnknownKey => Self::Refused("its token is signed with a key that it does not publish"),
            NotVerified::Refused(why) => Self::Refused(why),
        }
    }
}

impl Provider {
    /// Reads its discovery document and its keys.
    pub async fn discover(settings: &Settings, http: &Http) -> Result<Self, SignOnError> {
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|_| SignOnError::Unavailable("its issuer is no URL"))?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &ask(http)).await.map_err(|error| {
            SignOnError::Unavailable(match error {
                DiscoveryError::Request(why) => why.0,
                DiscoveryError::Response(..) => "its discovery document or its keys are not there",
                DiscoveryError::Validation(_) => "its discovery document is another issuer's",
                _ => "its discovery document or its keys cannot be read",
            })
        })?;
        let methods = metadata.token_endpoint_auth_methods_supported();
        let is_basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let secret = settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let client = OidcClient::from_provider_metadata(metadata, ClientId::new(settings.client_id.clone()), secret);
        Ok(Self(client.set_auth_type(if is_basic { AuthType::BasicAuth } else { AuthType::RequestBody })))
    }

    pub fn authorize_url(&self, settings: &Settings, attempt: &Attempt, redirect: &Url) -> Result<Url, SignOnError> {
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = self.0.authorize_url(flow, || CsrfToken::new(state), || Nonce::new(nonce));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(attempt.verifier()));
        let scopes = settings.scopes.iter().cloned().map(Scope::new);
        let redirect = std::borrow::Cow::Owned(RedirectUrl::from_url(redirect.clone()));
        let (url, ..) = request.add_scopes(scopes).set_pkce_challenge(challenge).set_redirect_uri(redirect).url();
        // Browsers are led there.
        if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(SignOnError::Unavailable("its page to sign in is no web page")) }
    }

    /// The ID token for a code, which nobody has verified.
    pub async fn exchange(&self, http: &Http, attempt: &Attempt, redirect: &Url, code: &Secret) -> Result<Token, SignOnError> {
        let request = self.0.exchange_code(AuthorizationCode::new(code.expose().to_owned()));
        let request = request.map_err(|_| SignOnError::Unavailable("it has no place where codes become tokens"))?;
        let redirect = std::borrow::Cow::Owned(RedirectUrl::from_url(redirect.clone()));
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier())).set_redirect_uri(redirect);
        let answer = request.request_async(&ask(http)).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(answer) if *answer.error() == CoreErrorResponseType::InvalidClient => {
                SignOnError::Unavailable("it does not know client_id, or client_secret is not right")
            }
            RequestTokenError::ServerResponse(_) => SignOnError::Refused("the code is not one that it gave, or was used before"),
            RequestTokenError::Request(why) => SignOnError::Unavailable(why.0),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => SignOnError::Unavailable("its answer to a code cannot be read"),
        })?;
        answer.id_token().cloned().ok_or(SignOnError::Refused("it gave no ID token"))
    }

    /// Who the token says it is, if it is signed by the provider, for us, in this attempt, and has not expired.
    pub fn verify(&self, token: &Token, settings: &Settings, attempt: &Attempt, now: Timestamp) -> Result<Identity, NotVerified> {
        let at = DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default();
        let verifier = self.0.id_token_verifier().set_time_fn(move || at);
        let claims = token.claims(&verifier, &Nonce::new(attempt.nonce())).map_err(|error| why(&error))?;
        Ok(identity(claims, settings))
    }
}

fn why(error: &ClaimsVerificationError) -> NotVerified {
    NotVerified::Refused(match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
        ) => return NotVerified::UnknownKey,
        ClaimsVerificationError::SignatureVerification(_) => "its token is not signed as it should be",
        ClaimsVerificationError::Expired(_) => "its token has expired",
        ClaimsVerificationError::InvalidAudience(_) => "its token is for somebody else",
        ClaimsVerificationError::InvalidIssuer(_) => "its token is another issuer's",
        ClaimsVerificationError::InvalidNonce(_) => "its token was made for another attempt",
        _ => "its token cannot be read",
    })
}

fn identity(claims: &Claims, settings: &Settings) -> Identity {
    let name = |name: Option<&str>| name.map(str::trim).unwrap_or_default().to_owned();
    let is_verified = claims.email_verified() == Some(true);
    Identity {
        subject: claims.subject().to_string(),
        email: claims.email().filter(|_| is_verified).map(|email| email.to_string()),
        username: claims.preferred_username().map(|name| name.to_string()),
        first_name: name(claims.given_name().and_then(|name| name.get(None)).map(|name| name.as_str())),
        last_name: name(claims.family_name().and_then(|name| name.get(None)).map(|name| name.as_str())),
        locale: claims.locale().map(ToString::to_string),
        timezone: claims.zoneinfo().map(|zone| zone.to_string()),
        role_values: values(&claims.additional_claims().0, &settings.role_claim),
    }
}

/// Why a request had no answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
struct NotAsked(&'static str);

/// The HTTP client of the providers, as openidconnect asks for one: redirects are not followed, and answers bounded.
fn ask(http: &Http) -> impl Fn(HttpRequest) -> std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, NotAsked>> + Send>> {
    let http = http.clone();
    move |asked| {
        let http = http.clone();
        Box::pin(async move {
            let (head, body) = asked.into_parts();
            let url = Url::parse(&head.uri.to_string()).map_err(|_| NotAsked("it names an address that is none"))?;
            let mut request = http.request(head.method, &url).body(body);
            for (name, value) in &head.headers {
                request = request.named_header(name, value.to_str().unwrap_or_default().to_owned());
            }
            let answer = http.call(request).await.map_err(|_| NotAsked("it cannot be reached"))?;
            let mut response = http::Response::new(answer.body);
            *response.status_mut() =
                http::StatusCode::from_u16(answer.status).map_err(|_| NotAsked("it answers with a status that is none"))?;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}
