//! Another connection beside the case's own.

use super::exchange::Sign;
use super::{Client, Session, deviate};
use crate::Stop;
use crate::context::Context;
use crate::link::LinkError;
use crate::logon::{credentials, filetime};
use evidence::Recorder;
use model::Deviation;
use model::scenario::{ShareRole, WrongSession};
use smb::auth::{AuthConfig, Authenticator};
use smb::wire::{Command, SessionSetupFlags, SessionSetupRequest, TreeConnectRequest, utf16};

impl Client<'_> {
    /// Connects and negotiates once more and, where the step says so, names the case's session there.
    pub(super) async fn elsewhere(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let deviation = self.deviation.take();
        let address = self.context.endpoint.address;
        let mut link = self.context.link.another(address, recorder).await.map_err(Stop::Link)?;
        let context = Context {
            case: self.context.case,
            endpoint: self.context.endpoint,
            link: &mut link,
            guid: self.context.guid,
            file_name: self.context.file_name.clone(),
        };
        let mut there = Client::new(context);
        let result = there.visit(deviation, self.session.as_ref(), recorder).await;
        link.close(recorder).await;
        match result {
            // That it ends is an answer to what is wrong there, and the case's own connection goes on.
            Err(Stop::Link(LinkError::Ended)) if deviation.is_some() => Ok(()),
            result => result,
        }
    }

    async fn visit(
        &mut self,
        deviation: Option<Deviation>,
        session: Option<&Session>,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        self.negotiate(recorder).await?;
        let Some(Deviation::Session(wrong)) = deviation else { return Ok(()) };
        let Some(session) = session else { return Err(Stop::GivesUp("there is no session for this step")) };
        self.session = Some(Session { key: session.key.clone(), ..Session::beginning(session.id) });
        if wrong.binds() {
            return self.bind(wrong == WrongSession::Bind, recorder).await;
        }
        let path = format!("\\\\{}", self.context.share(ShareRole::Share));
        let body = TreeConnectRequest { path: utf16(&path), ..Default::default() };
        let sign = if wrong == WrongSession::Elsewhere { Sign::Always } else { Sign::AsSession };
        let (header, request) = self.request(&body, sign)?;
        self.round_trip(&request, &header, recorder).await?;
        Ok(())
    }

    /// The first request of a binding (3.2.4.2.3).
    async fn bind(&mut self, signed: bool, recorder: &mut Recorder) -> Result<(), Stop> {
        let credentials = credentials(&self.context)?;
        let config = AuthConfig::random(credentials, filetime()).map_err(|_| Stop::NoRandomness)?;
        let body = SessionSetupRequest {
            flags: SessionSetupFlags::BINDING,
            security_mode: self.security_mode(Command::SESSION_SETUP),
            security_buffer: Authenticator::new(config).first(&[])?,
            ..Default::default()
        };
        let (header, mut request) = self.request(&body, Sign::AsSession)?;
        if signed {
            deviate::sign_without_a_key(&mut request);
        }
        self.round_trip(&request, &header, recorder).await?;
        Ok(())
    }
}
