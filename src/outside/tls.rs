//! One crypto provider for every connection of this program.

/// Makes ring the provider, once; later calls change nothing.
pub fn install() {
    // An error says that one is installed already, and nobody else installs any.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
