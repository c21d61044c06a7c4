//! Where webhooks may be sent. The address comes with the job, so it is checked before anything is sent to it.

use std::fmt;
use std::net::IpAddr;

use fault::{Code, Failure, codes};
use reqwest::Url;

use super::AllowedAddresses;

/// An address that has passed [`UrlRules::check`]. Path and query may contain a secret, so only the host is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// The host for logs: a name or an IP address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}://{}/***)", self.0.scheme(), self.host())
    }
}

/// Where plain http is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpRule {
    Never,
    /// Only on this machine.
    Loopback,
    /// For an environment whose receivers have no certificate.
    Everywhere,
}

/// Which receivers an environment accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRules {
    pub http: HttpRule,
    /// Whether a host may be an IP address or this machine, and whether a name may resolve to a private address.
    pub private: bool,
    /// Lower-case names. A name that begins with a dot stands for everything under it. `None` allows all hosts.
    pub hosts: Option<Vec<String>>,
}

impl UrlRules {
    /// For local work: https anywhere, http on the loopback interface.
    pub const LOCAL: Self = Self { http: HttpRule::Loopback, private: true, hosts: None };

    /// For everything else: only https, and only public hosts by name.
    pub const PRODUCTION: Self = Self { http: HttpRule::Never, private: false, hosts: None };

    /// Allows only these hosts: `hooks.example.com`, or `*.example.com` for every name under it. An empty list allows
    /// none.
    #[must_use]
    pub fn with_hosts<S: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        let plain = |host: S| host.as_ref().trim().trim_start_matches('*').trim_end_matches('.').to_ascii_lowercase();
        self.hosts = Some(hosts.into_iter().map(plain).filter(|host| !host.is_empty()).collect());
        self
    }

    /// What the client for these rules may connect to, once a name is resolved.
    pub fn allowed_addresses(&self) -> AllowedAddresses {
        if self.private { AllowedAddresses::All } else { AllowedAddresses::PublicOnly }
    }

    pub fn check(&self, text: &str) -> Result<WebhookUrl, Failure> {
        let refuse = |code: &Code, reason: String| Err(Failure::new(code, reason));
        let malformed =
            || refuse(&codes::webhook::BAD_URL, "the webhook address is not an http or https URL".to_owned());
        let Ok(url) = Url::parse(text) else { return malformed() };
        let host = url.host_str().unwrap_or_default();
        // The parser has already converted every notation of an IP address (decimal, hexadecimal) to the usual one.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let name = host.trim_end_matches('.');
        let this_machine = is_this_machine(name);

        if !matches!(url.scheme(), "http" | "https") || name.is_empty() {
            return malformed();
        }
        // Names and passwords would end up in logs.
        if !url.username().is_empty() || url.password().is_some() {
            let reason = format!("the webhook address for {host} has credentials in it; use the signature instead");
            return refuse(&codes::webhook::URL_CREDENTIALS, reason);
        }
        let http_allowed = match self.http {
            HttpRule::Never => false,
            HttpRule::Loopback => this_machine,
            HttpRule::Everywhere => true,
        };
        if url.scheme() == "http" && !http_allowed {
            let reason = format!("the webhook address for {host} is http; this environment allows only https");
            return refuse(&codes::webhook::URL_INSECURE, reason);
        }
        // No certificate vouches for an IP address, and it may lie inside our own network.
        if !self.private && (literal.is_some() || this_machine) {
            let reason = format!("the webhook address names the host by its address ({host}); use a public name");
            return refuse(&codes::webhook::URL_LITERAL, reason);
        }
        if !self.lists(name) {
            let reason = format!("webhooks may not be sent to {host}: it is not on this environment's list of hosts");
            return refuse(&codes::webhook::URL_UNLISTED, reason);
        }
        Ok(WebhookUrl(url))
    }

    fn lists(&self, name: &str) -> bool {
        let listed = |rule: &String| if rule.starts_with('.') { name.ends_with(rule.as_str()) } else { name == rule };
        self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(listed))
    }
}

/// Whether a host, as a URL has it, is this machine.
pub fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let host = host.to_ascii_lowercase();
    address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(rules: &UrlRules, url: &str) -> String {
        rules.check(url).map_or_else(|error| error.code, |_| "ok".to_owned())
    }

    #[test]
    fn production_takes_https_by_name_only() {
        for (url, expected) in [
            ("https://hooks.example.com/v1?token=x", "ok"),
            ("https://hooks.example.com:8443/", "ok"),
            ("http://hooks.example.com/", "webhook.url-insecure"),
            ("https://203.0.113.7/", "webhook.url-literal"),
            ("https://2130706433/", "webhook.url-literal"),
            ("https://0x7f.1/", "webhook.url-literal"),
            ("https://[::1]/", "webhook.url-literal"),
            ("https://[::ffff:169.254.169.254]/", "webhook.url-literal"),
            ("https://localhost/", "webhook.url-literal"),
            ("https://LOCALHOST./", "webhook.url-literal"),
            ("https://a.localhost/", "webhook.url-literal"),
            ("https://user:secret@hooks.example.com/", "webhook.url-credentials"),
            ("https://user@hooks.example.com/", "webhook.url-credentials"),
            ("ftp://hooks.example.com/", "webhook.bad-url"),
            ("file:///etc/passwd", "webhook.bad-url"),
            ("hooks.example.com", "webhook.bad-url"),
            ("https://", "webhook.bad-url"),
            ("https://./", "webhook.bad-url"),
            ("", "webhook.bad-url"),
        ] {
            assert_eq!(verdict(&UrlRules::PRODUCTION, url), expected, "{url}");
        }
    }

    #[test]
    fn local_work_takes_http_on_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:9000/hook", "ok"),
            ("http://localhost:9000/hook", "ok"),
            ("http://[::1]:9000/hook", "ok"),
            ("https://hooks.example.com/", "ok"),
            ("http://hooks.example.com/", "webhook.url-insecure"),
            ("http://192.168.1.7/", "webhook.url-insecure"),
            ("http://localhost.example.com/", "webhook.url-insecure"),
        ] {
            assert_eq!(verdict(&UrlRules::LOCAL, url), expected, "{url}");
        }
    }

    #[test]
    fn a_list_of_hosts_is_exact_and_a_star_covers_what_is_under_it() {
        let rules = UrlRules::PRODUCTION.with_hosts(["hooks.example.com", "*.example.org", " "]);
        for (url, expected) in [
            ("https://HOOKS.example.com/", "ok"),
            ("https://hooks.example.com./", "ok"),
            ("https://a.b.example.org/", "ok"),
            ("https://example.org/", "webhook.url-unlisted"),
            ("https://evilexample.org/", "webhook.url-unlisted"),
            ("https://hooks.example.com.evil.net/", "webhook.url-unlisted"),
            ("https://a.hooks.example.com/", "webhook.url-unlisted"),
        ] {
            assert_eq!(verdict(&rules, url), expected, "{url}");
        }
        assert_eq!(verdict(&UrlRules::LOCAL.with_hosts([""]), "https://example.org/"), "webhook.url-unlisted");
    }

    #[test]
    fn http_can_be_allowed_without_allowing_private_hosts() {
        let rules = UrlRules { http: HttpRule::Everywhere, ..UrlRules::PRODUCTION };
        assert_eq!(verdict(&rules, "http://hooks.example.com/"), "ok");
        assert_eq!(verdict(&rules, "http://10.0.0.1/"), "webhook.url-literal");
        assert_eq!(rules.allowed_addresses(), AllowedAddresses::PublicOnly);
    }

    #[test]
    fn neither_path_nor_query_nor_password_is_printed() {
        let url = UrlRules::LOCAL.check("https://h.example/path?token=geheim").unwrap();
        assert_eq!(format!("{url:?}"), "WebhookUrl(https://h.example/***)");
        let error = UrlRules::LOCAL.check("https://me:geheim@h.example/").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("geheim"));
    }

    /// Text that often is a URL, and often nearly one.
    fn url_like() -> impl Strategy<Value = String> {
        let scheme = prop_oneof![4 => "https", 2 => "http", 1 => "HTTPS", 1 => "ftp", 1 => "[a-z]{1,8}"];
        let credentials = prop_oneof![4 => Just(String::new()), 1 => "[a-z%:]{0,6}@"];
        let ip = any::<IpAddr>().prop_map(|ip| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() });
        let number = any::<u32>();
        let host = prop_oneof![
            "[a-z0-9.-]{1,20}",
            "(0x)?[0-9a-f]{1,8}(\\.(0x)?[0-7]{1,3}){0,3}\\.?",
            ip,
            number.prop_map(|n| n.to_string()),
            number.prop_map(|n| format!("{n:#x}")),
            number.prop_map(|n| format!("{n:#o}").replace('o', "")),
            Just("LOCALHOST.".to_owned()),
            "\\PC{1,12}",
        ];
        let text = (scheme, prop_oneof!["://", ":/", ":"], credentials, host, "(:[0-9]{1,5})?", "\\PC{0,12}");
        prop_oneof![
            9 => text.prop_map(|(scheme, slashes, credentials, host, port, rest)| {
                format!("{scheme}{slashes}{credentials}{host}{port}/{rest}")
            }),
            1 => "\\PC{0,40}",
        ]
    }

    proptest! {
        #[test]
        fn production_accepts_only_https_to_a_name_without_credentials(text in url_like()) {
            if let Ok(accepted) = UrlRules::PRODUCTION.check(&text) {
                let url = accepted.as_url();
                prop_assert_eq!(url.scheme(), "https");
                prop_assert!(url.username().is_empty() && url.password().is_none());
                let host = url.host_str().unwrap();
                prop_assert!(!host.is_empty() && !host.starts_with('['));
                prop_assert!(host.trim_end_matches('.').parse::<IpAddr>().is_err());
                let name = host.trim_end_matches('.');
                prop_assert!(name != "localhost" && !name.ends_with(".localhost"));
            }
        }

        #[test]
        fn local_rules_accept_http_only_to_this_machine(text in url_like()) {
            if let Ok(accepted) = UrlRules::LOCAL.check(&text)
                && accepted.as_url().scheme() != "https"
            {
                prop_assert_eq!(accepted.as_url().scheme(), "http");
                let host = accepted.host().trim_matches(['[', ']', '.']);
                let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
                prop_assert!(loopback || host.ends_with("localhost"));
            }
        }
    }
}
