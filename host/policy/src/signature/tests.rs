use fault::Blame;

use super::*;

/// Made with minisign 0.11: `minisign -G -W`, then `minisign -S` and `minisign -S -l`.
const PUBLIC: &str = "untrusted comment: minisign public key D3C2F18AA6BACC75
RWR1zLqmivHC0wEFqHw5PkJu3t0h9NdP1w3+iXh19JFIJ1HuRnhTRXfP
";
const SECRET: &str = "untrusted comment: of a test
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAdcy6porxwtMQI3L+860LUFWDaAeae7UtlnSnj7E8BuF5\
H14FWldzywEFqHw5PkJu3t0h9NdP1w3+iXh19JFIJ1HuRnhTRXfPAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
";
const MODULE: &[u8] = b"a module, as far as this test is concerned\n";
const SIGNATURE_OF_MODULE: &str = "untrusted comment: signature from minisign secret key
RUR1zLqmivHC07g/NXeqevCRos3Xm2de7aDmaoQ6bdJN+zk+lf3k1UoGcQ6QmTEqPyLcqFeV0tB5NRRnLvm7KNE0kcXAz4qFLwM=
trusted comment: timestamp:1700000000 file:module.txt hashed
31H3bL5UJYu30gnMAOn8RLvEsjk9EvuV3dhnQhhX+TpqnIk/03tjwk4ivXZypNje9eGHppe4Fltl94Tl9Uy2CA==
";
const OLD_FORMAT: &str = "untrusted comment: signature from minisign secret key
RWR1zLqmivHC0+Y8F/YxYDEGZLC/0ndnmk5H6hNrqpmW+3I+ol7V0Ucc3tXSp/oZmLpWmhn8PHW7JGTLs3PDQMIn8XqJPUJFpwM=
trusted comment: legacy
gtOspO62L36ixPdD4d0Hxn+p5OCtuClOaVUWAaJPE93+XnBiRCuuEPBhsdgo3zItkXizdP81/RboGdGj2sIkCA==
";

fn public() -> PublicKey {
    PublicKey::parse(PUBLIC).unwrap()
}

fn other() -> PublicKey {
    generate(None).unwrap().public
}

fn secret(text: &str, password: Option<&str>) -> Result<SecretKey, SignatureError> {
    SecretKey::parse(&SecretText::new(text), password.map(SecretText::new).as_ref())
}

fn code(result: Result<KeyId, SignatureError>) -> &'static str {
    result.unwrap_err().code().name
}

#[test]
fn a_signature_of_the_minisign_program_is_accepted() {
    let signer = verify(&[other(), public()], MODULE, SIGNATURE_OF_MODULE).unwrap();
    assert_eq!(signer.to_string(), "D3C2F18AA6BACC75");
    let signature = Signature::parse(SIGNATURE_OF_MODULE).unwrap();
    assert_eq!(signature.comment(), "timestamp:1700000000 file:module.txt hashed");
}

#[test]
fn a_public_key_is_read_from_its_file_and_from_its_line_alone() {
    let line = public().to_string();
    assert_eq!(PUBLIC.lines().nth(1), Some(line.as_str()));
    for text in [line.clone(), format!("  {line}\r\n"), PUBLIC.replace('\n', "\r\n"), PUBLIC.trim().to_owned()] {
        assert_eq!(PublicKey::parse(&text).unwrap().id(), public().id(), "{text:?}");
    }
}

#[test]
fn an_invalid_public_key_is_blamed_on_the_settings() {
    let line = public().to_string();
    let other_algorithm = STANDARD.encode([b"XX".as_slice(), &[7; 40]].concat());
    for text in ["", "\n\n", "RWR1", &line[..55], &format!("{line}AAAA"), &other_algorithm, SIGNATURE_OF_MODULE, SECRET]
    {
        let error = PublicKey::parse(text).unwrap_err();
        assert_eq!((error.code().name, error.code().blame), ("policy.public-key", Blame::Host), "{text:?}");
    }
}

#[test]
fn a_changed_module_is_refused() {
    let mut changed = MODULE.to_vec();
    for at in [0, MODULE.len() - 1] {
        changed[at] ^= 1;
        assert_eq!(code(verify(&[public()], &changed, SIGNATURE_OF_MODULE)), "policy.signature");
    }
    assert_eq!(code(verify(&[public()], &MODULE[1..], SIGNATURE_OF_MODULE)), "policy.signature");
    assert_eq!(code(verify(&[public()], b"", SIGNATURE_OF_MODULE)), "policy.signature");
}

#[test]
fn a_changed_comment_is_refused() {
    let changed = SIGNATURE_OF_MODULE.replace("1700000000", "1800000000");
    assert_eq!(code(verify(&[public()], MODULE, &changed)), "policy.signature");
}

#[test]
fn an_error_of_an_untrusted_signature_lists_its_key_and_the_trusted_ones() {
    let trusted = other();
    let error = verify(std::slice::from_ref(&trusted), MODULE, SIGNATURE_OF_MODULE).unwrap_err();
    assert_eq!(error.code(), "policy.unknown-signer");
    let message = error.to_string();
    assert!(message.contains("D3C2F18AA6BACC75") && message.contains(&trusted.id().to_string()), "{message}");
    assert!(verify(&[], MODULE, SIGNATURE_OF_MODULE).unwrap_err().to_string().contains("none"));
}

/// Anyone can write a trusted key's id into a signature and a key.
#[test]
fn another_key_with_the_id_of_a_trusted_one_is_refused() {
    let mut bytes = STANDARD.decode(other().to_string()).unwrap();
    bytes[2..10].copy_from_slice(&STANDARD.decode(public().to_string()).unwrap()[2..10]);
    let forged = PublicKey::parse(&STANDARD.encode(bytes)).unwrap();
    assert_eq!(forged.id(), public().id());
    assert_eq!(code(verify(std::slice::from_ref(&forged), MODULE, SIGNATURE_OF_MODULE)), "policy.signature");
    assert!(verify(&[forged, public()], MODULE, SIGNATURE_OF_MODULE).is_ok());
}

#[test]
fn the_old_format_is_refused() {
    let error = verify(&[public()], MODULE, OLD_FORMAT).unwrap_err();
    assert_eq!(error.code(), "policy.signature");
    assert!(error.to_string().contains("old"), "{error}");
}

#[test]
fn malformed_signatures_are_refused() {
    let lines: Vec<&str> = SIGNATURE_OF_MODULE.lines().collect();
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line;
        lines.join("\n")
    };
    let long = "A".repeat(MAX_TEXT + 1);
    let shapes = [
        String::new(),
        "not a signature".to_owned(),
        PUBLIC.to_owned(),
        lines[..3].join("\n"),
        with(0, "no comment"),
        with(1, ""),
        with(1, "RUR1"),
        with(1, &format!("{}AAAA", lines[1])),
        with(2, "a comment"),
        with(2, "trusted comment"),
        with(3, ""),
        // Shorter than the library expects.
        with(3, "31H3"),
        with(3, "öäü"),
        with(2, &format!("trusted comment: {long}")),
    ];
    for shape in shapes {
        assert_eq!(code(verify(&[public()], MODULE, &shape)), "policy.signature", "{shape:?}");
    }
}

#[test]
fn a_signature_made_here_is_accepted_here() {
    for password in [None, Some("correct horse")] {
        let made = generate(password.map(SecretText::new).as_ref()).unwrap();
        let key = secret(made.secret_file.expose(), password).unwrap();
        assert_eq!(PublicKey::parse(&made.public_file).unwrap().id(), key.public().unwrap().id());
        let signature = key.sign(MODULE, " codex-lean 1.4.0\nand a second line\t ").unwrap();
        assert_eq!(verify(&[made.public], MODULE, &signature).unwrap(), key.public().unwrap().id());
        assert_eq!(Signature::parse(&signature).unwrap().comment(), "codex-lean 1.4.0 and a second line");
    }
}

#[test]
fn a_key_of_the_minisign_program_signs() {
    let key = secret(SECRET, None).unwrap();
    assert_eq!(key.public().unwrap().to_string(), public().to_string());
    assert!(verify(&[public()], MODULE, &key.sign(MODULE, "again").unwrap()).is_ok());
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let made = generate(Some(&SecretText::new("correct horse"))).unwrap();
    for password in [None, Some("wrong horse"), Some("")] {
        let error = secret(made.secret_file.expose(), password).unwrap_err();
        assert_eq!((error.code().name, error.code().blame), ("policy.secret-key", Blame::Host));
        assert!(error.to_string().contains("password"), "{error}");
    }
}

#[test]
fn a_damaged_secret_key_signs_nothing() {
    for text in ["", PUBLIC, &SECRET[..SECRET.len() - 9]] {
        assert_eq!(secret(text, None).unwrap_err().code(), "policy.secret-key", "{text:?}");
    }
    let mut bytes = STANDARD.decode(key_line(SECRET)).unwrap();
    bytes[70] ^= 1;
    let damaged = secret(&STANDARD.encode(bytes), None).unwrap();
    assert_eq!(damaged.sign(MODULE, "").unwrap_err().code(), "policy.secret-key");
}

#[test]
fn a_secret_key_is_not_printed() {
    let made = generate(None).unwrap();
    let key = secret(made.secret_file.expose(), None).unwrap();
    let output = format!("{key:?} {made:?}");
    assert!(output.contains("SecretKey(***)") && !output.contains(key_line(made.secret_file.expose())), "{output}");
}
