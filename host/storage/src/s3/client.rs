//! The SDK, set up for stores that are not Amazon's.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Config, Credentials, IdentityCache, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;
use aws_smithy_types::retry::ErrorKind;

use super::settings::{Patience, S3Settings, S3SettingsError};

/// A client; it contacts nobody until it is asked to.
pub(super) fn client(settings: &S3Settings) -> Result<Client, S3SettingsError> {
    let patience = settings.patience;
    // Given explicitly: the default chain asks the machine's metadata service and waits seconds for it.
    let keys =
        Credentials::new(&settings.access_key_id, settings.secret_access_key.expose(), None, None, "store settings");
    let retries = RetryConfig::standard()
        .with_max_attempts(patience.attempts)
        .with_initial_backoff(patience.first_wait)
        .with_max_backoff(patience.longest_wait);
    // The SDK's own budget is one for the whole process and runs dry in a spell of 503, which B2 has every day; how
    // often one request is tried is limited anyway.
    let budget = RetryPartition::custom("store").token_bucket(TokenBucket::unlimited()).build();
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(keys)
        .identity_cache(IdentityCache::no_cache())
        .region(Region::new(settings.signing_region()?))
        .endpoint_url(settings.endpoint.trim_end_matches('/'))
        .force_path_style(true)
        // Newer SDKs add checksums of their own to every request, which R2 and B2 have answered with errors.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(retries)
        .retry_partition(budget)
        .retry_classifier(AsTheStoreAsks)
        .timeout_config(timeouts(patience, patience.answer))
        // It takes a store that reads slowly for one that has stopped. A body that comes has a limit of our own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http);
    Ok(Client::from_conf(config.build()))
}

/// For one request whose answer takes longer: it carries a body of this length.
pub(super) fn time_for(patience: Patience, bytes: u64) -> Builder {
    let body = Duration::from_secs(bytes / patience.slowest.max(1));
    patient(patience, patience.answer.saturating_add(body))
}

/// For one request whose answer may take this long.
pub(super) fn patient(patience: Patience, answer: Duration) -> Builder {
    Config::builder().timeout_config(timeouts(patience, answer))
}

/// The SDK's read timeout runs while a body is sent and not while one comes, so it is left out.
fn timeouts(patience: Patience, answer: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(patience.connect).operation_attempt_timeout(answer).build()
}

/// Tries again where the store says so, and when it says so. The SDK knows only Amazon's header for that.
#[derive(Debug)]
struct AsTheStoreAsks;

impl ClassifyRetry for AsTheStoreAsks {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        let kind = match response.status().as_u16() {
            // R2 allows one write per second and key; B2 throttles with 503.
            429 | 503 => ErrorKind::ThrottlingError,
            500 | 502 | 504 => ErrorKind::TransientError,
            _ => return RetryAction::NoActionIndicated,
        };
        // Longer waits than ours are cut by the strategy. A date instead of seconds is taken for no wish.
        match response.headers().get("retry-after").and_then(|text| text.trim().parse().ok()) {
            Some(seconds) => RetryAction::retryable_error_with_explicit_delay(kind, Duration::from_secs(seconds)),
            None => RetryAction::retryable_error(kind),
        }
    }

    fn name(&self) -> &'static str {
        "Retry-After"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
