//! `qualify`: a server that is somebody's, by its address.

pub(crate) mod address;
mod password;
mod plan;
mod work;

use crate::args::QualifyArgs;
use crate::catalogue::Catalogue;
use crate::exit::{Exit, Failure};
use crate::judging;
use crate::merge;
use crate::run::{Ended, How, Signals, execute, run_info};
use lab::{Lab, LabOptions};
use model::external::logs_on_wrongly;
use plan::Server;
use probe::{Endpoint, Limits};
use work::Work;

/// `countersign qualify`.
pub(crate) fn qualify(args: &QualifyArgs, command: &str) -> Result<Exit, Failure> {
    let server = Server::read(args)?;
    let catalogue = Catalogue::load(args.common.scenarios_dir.as_deref(), None)?;
    // Before anything is asked for: what is wrong with the filters is said at once.
    let selection = server.select(args, &catalogue, run_info(args.common.seed, command)?)?;
    let earlier = args.into.as_deref().map(merge::read).transpose()?;
    let earlier = earlier.map(|part| server.guid_in(&part)).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::environment(format!("failed to start: {e}")))?;
    let address = runtime.block_on(server.address.reach(Limits::default().connect))?;
    let password = password::password(&server.user, &server.address.to_string())?;
    runtime.block_on(async {
        let stop = Signals::listen()?;
        say_what_is_at_stake(&server, &selection.plan);
        let endpoint = Endpoint {
            address,
            user: server.user.clone(),
            domain: server.domain.clone(),
            password,
            shares: server.target.shares.clone(),
            host: Some(server.address.unc_host()),
            folder: None,
        };
        let how = How {
            out: args.common.out.as_ref(),
            jobs: args.common.jobs,
            memory: None,
            timeout: args.common.timeout,
            seed: args.common.seed,
        };
        let lab = Lab::idle(LabOptions { run_id: selection.plan.run.id.clone(), published: false });
        let work = Work::new(&server, endpoint, earlier);
        let ended =
            execute(&how, lab, selection, stop, &[], async |context, cases| work.run(&context, cases).await)
                .await;
        // Whatever came of it: what was made on the share goes.
        work.clean_up().await;
        let Ended { mut folder, mut results, stopped } = ended?;
        if let Some(earlier) = &args.into {
            let own = folder.path().display().to_string();
            (folder, results) = merge::into(earlier, folder.path())?;
            // It holds exchanges with the server as well, so it must be known where it is.
            anstream::eprintln!(
                "countersign: merged into {}; what this step measured stays in {own}, which can be removed",
                earlier.display()
            );
        }
        judging::finish(&folder, &results)?;
        if args.common.write_expectations {
            judging::write_drafts(&folder, &results)?;
        }
        Ok(stopped.unwrap_or_else(|| Exit::of(&results, args.common.fail_on.into())))
    })
}

fn say_what_is_at_stake(server: &Server, plan: &model::Plan) {
    anstream::eprintln!(
        "countersign: the run folder will hold NTLM exchanges of {}, which can be attacked offline: keep it to \
         yourself, and use an account that was made for this",
        server.user
    );
    let wrong = plan.selected().filter(|case| case.unsupported.is_none() && logs_on_wrongly(case)).count();
    if wrong > 0 {
        anstream::eprintln!(
            "countersign: up to {} logons are meant to fail, one at a time and after everything else: see that \
             neither {} nor this machine's address is locked out for them",
            wrong + 2,
            server.user
        );
    }
}
