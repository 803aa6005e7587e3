//! What the command lines of the examples that draw a picture have in common: `--quick`, `--out DIR` and, for one of them, `--data DIR`.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// What the user asked for.
pub(crate) struct Options {
    /// A few seconds' work, for a first look and for CI.
    pub(crate) quick: bool,
    /// Where pictures go.
    pub(crate) out: PathBuf,
    /// Where MNIST lies; `None` in an example that has no use for it.
    pub(crate) data: Option<PathBuf>,
}

impl Options {
    /// Writes a picture and says where it is.
    pub(crate) fn save(&self, name: &str, svg: &str) -> Result<(), rensa::Error> {
        let file = self.out.join(name);
        rensa::io::write_atomically(&file, svg.as_bytes())?;
        println!("picture: {}", file.display());
        Ok(())
    }
}

/// Reads the command line and runs the example.
pub(crate) fn main(help: &str, run: fn(&Options) -> Result<(), Box<dyn Error>>) -> ExitCode {
    match options(help).and_then(|options| options.map_or(Ok(()), |options| run(&options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// The options, or nothing if only help was asked for.
fn options(help: &str) -> Result<Option<Options>, Box<dyn Error>> {
    use lexopt::prelude::*;
    let mut options = Options { quick: false, out: ".".into(), data: None };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("quick") => options.quick = true,
            Long("out") => options.out = arguments.value()?.into(),
            Long("data") if help.contains("--data") => options.data = Some(arguments.value()?.into()),
            Short('h') | Long("help") => {
                println!("{help}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    if !options.out.is_dir() {
        return Err(format!("--out: expected a directory that exists, found `{}`", options.out.display()).into());
    }
    Ok(Some(options))
}
