//! What the integration tests share: a fresh folder with the real program in it, and test servers.

pub(crate) mod answer;
pub(crate) mod exports;
pub(crate) mod faults;
pub(crate) mod golden;
pub(crate) mod proof;
pub(crate) mod proposals;
pub(crate) mod request;
pub(crate) mod server;
pub(crate) mod shipped;
pub(crate) mod tls;
pub(crate) mod tmpfs;
pub(crate) mod torture;
pub(crate) mod workdir;

pub(crate) use answer::{Answer, End};
pub(crate) use workdir::Workdir;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_starts_in_a_fresh_folder() {
        let workdir = Workdir::new();
        assert_eq!(workdir.lateship(&["--version"]).signal, None);
        assert_eq!(workdir.names(), [""; 0]);
    }
}
