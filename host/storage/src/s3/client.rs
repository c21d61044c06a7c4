//! The AWS SDK, configured for stores that aren't Amazon's.

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

use super::settings::{S3Settings, S3SettingsError, Timeouts};

/// Makes a client without sending a request.
pub(super) fn client(settings: &S3Settings) -> Result<Client, S3SettingsError> {
    let timeouts = settings.timeouts;
    // The SDK's default chain would query the machine's metadata service and wait seconds for it.
    let credentials =
        Credentials::new(&settings.access_key_id, settings.secret_access_key.expose(), None, None, "store settings");
    let retries = RetryConfig::standard()
        .with_max_attempts(timeouts.attempts)
        .with_initial_backoff(timeouts.initial_backoff)
        .with_max_backoff(timeouts.max_backoff);
    // The SDK's retry budget is shared by the whole process and runs out during a burst of 503, which B2 sends daily.
    // The attempts per request are limited anyway.
    let budget = RetryPartition::custom("store").token_bucket(TokenBucket::unlimited()).build();
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(credentials)
        .identity_cache(IdentityCache::no_cache())
        .region(Region::new(settings.signing_region()?))
        .endpoint_url(settings.endpoint.trim_end_matches('/'))
        .force_path_style(true)
        // Newer SDKs add checksums to every request, which R2 and B2 have answered with errors.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(retries)
        .retry_partition(budget)
        .retry_classifier(RetryAfter)
        .timeout_config(timeout_config(timeouts, timeouts.response))
        // It mistakes a slow reader for a stalled one. Downloads have our own idle timeout.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http);
    Ok(Client::from_conf(config.build()))
}

/// Overrides the timeout of a request that carries this many bytes.
pub(super) fn timeout_for_body(timeouts: Timeouts, bytes: u64) -> Builder {
    let body = Duration::from_secs(bytes / timeouts.min_bytes_per_second.max(1));
    response_timeout(timeouts, timeouts.response.saturating_add(body))
}

/// Overrides the timeout of one request.
pub(super) fn response_timeout(timeouts: Timeouts, response: Duration) -> Builder {
    Config::builder().timeout_config(timeout_config(timeouts, response))
}

/// Leaves out the SDK's read timeout: it covers sending a body but not receiving one.
fn timeout_config(timeouts: Timeouts, response: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(timeouts.connect).operation_attempt_timeout(response).build()
}

/// Retries when the store asks for it, after the delay it asks for. The SDK itself only knows Amazon's header.
#[derive(Debug)]
struct RetryAfter;

impl ClassifyRetry for RetryAfter {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        let kind = match response.status().as_u16() {
            // R2 allows one write per second and key; B2 throttles with 503.
            429 | 503 => ErrorKind::ThrottlingError,
            500 | 502 | 504 => ErrorKind::TransientError,
            _ => return RetryAction::NoActionIndicated,
        };
        // The strategy caps the delay at `max_backoff`. A date instead of seconds is ignored.
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
