//! Settings as a user meets them: one word typed, set or written, and what becomes of it.

use std::io::Write;
use std::num::{NonZeroU32, NonZeroUsize};

use tempfile::TempDir;

use super::*;
use crate::limits::{DEFAULT_CONNECT_TIMEOUT, DEFAULT_RATE, Rate, Unit};
use crate::{results, secret};

/// The least that a mapping needs, and what the test adds.
fn mapping(folder: &TempDir, delivery: &str) -> String {
    let path = folder.path().join("shop.toml");
    let mut file = std::fs::File::create(&path).expect("a mapping");
    write!(
        file,
        "[fields]\norder_no = \"A\"\ntrackingnumber = \"B\"\ncarrier_type = \"C\"\n{delivery}"
    )
    .expect("written");
    path.to_str().expect("a plain path").to_owned()
}

const ACCOUNT: &[(&str, &str)] =
    &[("LATESHIPMENT_EMAIL", "ops@example.com"), ("LATESHIPMENT_API_KEY", "SECRETKEY-7f3a")];

fn import(
    delivery: &str,
    environment: &Environment<'_>,
    change: impl FnOnce(&mut Typed),
) -> Result<Import, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut typed = Typed {
        encoding: None,
        inputs: vec![folder.path().join("orders.csv").into()],
        mapping: mapping(&folder, delivery),
        ..Typed::default()
    };
    change(&mut typed);
    Import::new(typed, environment, Rerun::default())
}

fn per_second(requests: u32) -> Rate {
    Rate::Per(NonZeroU32::new(requests).expect("not 0"), Unit::Second)
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_mapping_which_beats_the_default() {
    let all = [ACCOUNT[0], ACCOUNT[1], ("LATESHIP_RATE", "5/s"), ("LATESHIP_MIN_SHIPMENTS", "7")];
    let mapped = "[delivery]\nrate = \"3/s\"\nconcurrency = 2\nmin_shipments = 9\n";
    let typed = |typed: &mut Typed| typed.delivery.rate = Some(per_second(1));

    let rate = |import: Result<Import, Error>| import.expect("settings").limits.rate;
    assert_eq!(rate(import(mapped, &Environment::of(&all), typed)), per_second(1));
    assert_eq!(rate(import(mapped, &Environment::of(&all), |_| {})), per_second(5));
    assert_eq!(rate(import(mapped, &Environment::of(ACCOUNT), |_| {})), per_second(3));
    assert_eq!(rate(import("", &Environment::of(ACCOUNT), |_| {})), DEFAULT_RATE);

    let all = import(mapped, &Environment::of(&all), |_| {}).expect("settings");
    assert_eq!(all.limits.concurrency, NonZeroUsize::new(2).expect("not 0"));
    assert_eq!(all.min_shipments, 7);
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set_and_one_with_nonsense_is_named() {
    let empty = [ACCOUNT[0], ACCOUNT[1], ("LATESHIP_RATE", ""), ("LATESHIP_ENDPOINT", "")];
    assert_eq!(
        import("", &Environment::of(&empty), |_| {}).expect("settings").limits.rate,
        DEFAULT_RATE
    );

    let nonsense = [ACCOUNT[0], ACCOUNT[1], ("LATESHIP_TIMEOUT", "30")];
    let error = import("", &Environment::of(&nonsense), |_| {}).expect_err("a time without a unit");
    assert!(error.to_string().starts_with("the variable LATESHIP_TIMEOUT"), "{error}");
}

#[test]
fn the_sandbox_needs_no_credentials_hurries_and_cannot_be_led_elsewhere_by_the_environment() {
    let elsewhere = [("LATESHIP_ENDPOINT", "https://shop.example.com/hook")];
    let sandbox = |typed: &mut Typed| typed.sandbox = true;
    let settings = import("", &Environment::of(&elsewhere), sandbox).expect("settings");
    assert!(matches!(settings.target, Target::Sandbox));
    assert_eq!(settings.limits.rate, Rate::Unlimited);
    let slow =
        import("[delivery]\nrate = \"3/s\"\n", &Environment::of(&[]), sandbox).expect("settings");
    assert_eq!(slow.limits.rate, per_second(3));
}

#[test]
fn without_credentials_only_a_dry_run_or_the_sandbox_can_start() {
    let missing = import("", &Environment::of(&[]), |_| {}).expect_err("no credentials");
    assert!(matches!(missing, Error::Credentials(secret::Error::Missing)), "{missing}");
    let dry = import("", &Environment::of(&[]), |typed| typed.dry_run = true).expect("settings");
    assert!(matches!(dry.target, Target::Nowhere) && dry.dry_run);
    assert!(dry.paths.results.ends_with("orders.dry-run.csv"), "{:?}", dry.paths);
}

#[test]
fn the_webhook_is_the_default_and_no_setting_shows_a_secret() {
    let settings = import("", &Environment::of(ACCOUNT), |_| {}).expect("settings");
    let Target::Endpoint { endpoint, credentials } = &settings.target else {
        panic!("{:?}", settings.target)
    };
    assert_eq!(endpoint, &Endpoint::default());
    assert_eq!(credentials.api_key.expose(), "SECRETKEY-7f3a");
    let shown = format!("{settings:?}");
    assert!(!shown.contains("SECRETKEY") && !shown.contains("ops@example.com"), "{shown}");

    let elsewhere = [ACCOUNT[0], ACCOUNT[1], ("LATESHIP_ENDPOINT", "http://127.0.0.1:8080/hook")];
    let settings = import("", &Environment::of(&elsewhere), |_| {}).expect("settings");
    assert!(matches!(settings.target, Target::Endpoint { endpoint, .. } if endpoint.is_loopback()));
}

#[test]
fn a_file_of_credentials_beats_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("credentials.toml");
    let error = import("", &Environment::of(ACCOUNT), |typed| typed.credentials = Some(missing))
        .expect_err("no such file");
    assert!(matches!(error, Error::Credentials(secret::Error::Unreadable { .. })), "{error}");
}

#[test]
fn a_connection_may_not_take_longer_than_its_request() {
    let times = |whole: Option<u64>, connect: Option<u64>| {
        import("", &Environment::of(ACCOUNT), |typed| {
            typed.delivery.timeout = whole.map(Duration::from_secs);
            typed.delivery.connect_timeout = connect.map(Duration::from_secs);
        })
        .map(|import| import.limits.connect_timeout)
    };
    assert_eq!(times(None, None).ok(), Some(DEFAULT_CONNECT_TIMEOUT));
    assert_eq!(
        times(Some(3), None).ok(),
        Some(Duration::from_secs(3)),
        "nobody asked for ten seconds"
    );
    assert_eq!(times(Some(3), Some(3)).ok(), Some(Duration::from_secs(3)));
    assert!(matches!(times(Some(3), Some(4)), Err(Error::Timeouts { .. })));
    assert!(matches!(times(None, Some(31)), Err(Error::Timeouts { .. })));
    assert!(matches!(times(Some(0), None), Err(Error::NoTime { flag: "--timeout" })));
    let none = import("", &Environment::of(ACCOUNT), |typed| {
        typed.delivery.max_duration = Some(Duration::ZERO);
    });
    assert!(matches!(none, Err(Error::NoTime { flag: "--max-duration" })));
}

#[test]
fn standard_input_comes_alone_and_its_results_need_a_place() {
    let with = |inputs: &[&str], results: Option<&str>| {
        import("", &Environment::of(ACCOUNT), |typed| {
            typed.inputs = inputs.iter().map(OsString::from).collect();
            typed.results = results.map(PathBuf::from);
        })
    };
    assert!(matches!(with(&["-"], None), Err(Error::NoResults)));
    assert_eq!(with(&["-"], Some("night.csv")).expect("settings").inputs, [Input::Stdin]);
    assert!(matches!(with(&["-", "a.csv"], Some("night.csv")), Err(Error::StdinAmongFiles)));
    assert!(matches!(with(&["a.csv", "a.csv"], None), Err(Error::SameInput(Input::Path(_)))));
    assert!(matches!(
        with(&["a.csv"], Some("a.csv")),
        Err(Error::Results(results::Error::IsInput { .. }))
    ));
}

#[test]
fn a_field_is_set_once() {
    let set = |values: &[(Field, &str)]| {
        let set = values.iter().map(|(field, value)| (*field, (*value).to_owned())).collect();
        import("", &Environment::of(ACCOUNT), |typed| typed.set = set)
    };
    let twice =
        set(&[(Field::ORDER_NO, "1"), (Field::CARRIER_TYPE, "UPS"), (Field::ORDER_NO, "2")]);
    assert!(matches!(twice, Err(Error::SetTwice(Field::ORDER_NO))));
    assert_eq!(set(&[(Field::ORDER_NO, "1")]).expect("settings").set.len(), 1);
}

#[test]
fn what_is_left_is_sent_by_the_same_command_with_another_input() {
    let settings = Import {
        rerun: Rerun::new(["lateship", "import", "a b.csv", "-m", "m.toml"].map(OsString::from)),
        inputs: vec![Input::Path("a b.csv".into())],
        ..import("", &Environment::of(ACCOUNT), |_| {}).expect("settings")
    };
    assert_eq!(settings.rerun.to_string(), "lateship import 'a b.csv' -m m.toml");
    assert_eq!(
        settings.command_for(Path::new("a b.failed.csv")),
        "lateship import 'a b.failed.csv' -m m.toml"
    );
}
