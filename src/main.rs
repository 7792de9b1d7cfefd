//! Reads the command line; runs one command or opens the window.

use std::process::ExitCode;

use clap::ArgMatches;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::job::Generator;
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::session::folders::Folders;
use flux_qfaces::session::program::Setup;
use flux_qfaces::session::worker::MakeGenerator;
use flux_qfaces::weights::catalog::Catalog;
use flux_qfaces::weights::http::Network;
use flux_qfaces::weights::tokens::Tokens;
use flux_qfaces::{cli, ui};

fn main() -> ExitCode {
    cli::log::start();
    let matches = cli::command().get_matches();
    cli::run(&matches).unwrap_or_else(|| match window(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => cli::output::fail(&sentence),
    })
}

/// Opens the window. The model loads on the session's worker, so that the first frame does not wait for it.
fn window(matches: &ArgMatches) -> Result<(), String> {
    let asked = cli::sources::model_asked_for(matches).map_err(|error| error.to_string())?;
    let model = asked.map(|source| source.card().map(|card| (source, card)));
    let model = model.transpose().map_err(|error| error.to_string())?;
    let catalog = Catalog::of_environment().map_err(|error| error.to_string())?;
    let folders = Folders::of_user().ok_or("this system does not tell where a user's files go")?;
    let network = Network::new(Tokens::known(&folders.config));
    let make: MakeGenerator = Box::new(move |source, watch| {
        let generator = FluxGenerator::load(source, Model::Dev, Hardware::best()?, watch)?;
        Ok(Box::new(generator) as Box<dyn Generator>)
    });
    let setup = Setup {
        model,
        make,
        network,
        catalog,
    };
    ui::window::run(folders, setup).map_err(|error| error.to_string())
}
