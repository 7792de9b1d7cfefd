//! Reads the command line; runs one command or opens the window.

use std::process::ExitCode;

use clap::ArgMatches;

use flux_qfaces::engine::Generator;
use flux_qfaces::engine::device::Hardware;
use flux_qfaces::engine::pipeline::FluxGenerator;
use flux_qfaces::schema::request::Model;
use flux_qfaces::session::worker::MakeGenerator;
use flux_qfaces::session::{Folders, Setup};
use flux_qfaces::weights::http::Network;
use flux_qfaces::weights::tokens::Tokens;
use flux_qfaces::{cli, ui};

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    cli::run(&matches).unwrap_or_else(|| match window(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => cli::fail(&sentence),
    })
}

/// Opens the window. The model loads on the session's worker, so that the first frame does not wait for it.
fn window(matches: &ArgMatches) -> Result<(), String> {
    let source = cli::model(matches).map_err(|error| error.to_string())?;
    let card = source.card().map_err(|error| error.to_string())?;
    let folders = Folders::of_user().ok_or("this system does not tell where a user's files go")?;
    let network = Network::new(Tokens::known(&folders.config));
    let model = source.clone();
    let make: MakeGenerator = Box::new(move |watch| {
        let generator = FluxGenerator::load(&model, Model::Dev, Hardware::best()?, watch)?;
        Ok(Box::new(generator) as Box<dyn Generator>)
    });
    let setup = Setup {
        source,
        card,
        make,
        network,
    };
    ui::run(folders, setup).map_err(|error| error.to_string())
}
