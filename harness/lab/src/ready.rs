//! Ready means: a NEGOTIATE was answered. A published port takes TCP connections before the server behind it listens.

use model::Dialect;
use smb::nbss::{self, Splitter};
use smb::wire::{
    self, Capabilities, Command, DialectRevision, Header, NegotiateContext, NegotiateRequest,
    PreauthIntegrity, SecurityMode,
};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long one connection may take to answer before another is tried.
const ONE_TRY: Duration = Duration::from_secs(2);
/// The pause between two tries: long enough not to be in the server's way while it starts, too short to be noticed.
const PAUSE: Duration = Duration::from_millis(4);
/// No answer to a NEGOTIATE is longer.
const MAX_ANSWER: usize = 0x1_0000;

/// Waits until the server at `address` answers a NEGOTIATE.
///
/// # Errors
/// There is no answer `within` this time: what became of the last try.
pub(crate) async fn answers(
    address: SocketAddr,
    dialects: (Dialect, Dialect),
    within: Duration,
) -> Result<(), String> {
    let mut last = String::new();
    let trying = async {
        loop {
            // Whatever is in the way, a refused connection or one closed without an answer, may be gone the next time.
            last = match timeout(ONE_TRY, negotiate(address, dialects)).await {
                Ok(Ok(true)) => return,
                Ok(Ok(false)) => "the connection was closed".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("silence for {} s", ONE_TRY.as_secs()),
            };
            sleep(PAUSE).await;
        }
    };
    let in_time = timeout(within, trying).await;
    in_time.map_err(|_| format!("no NEGOTIATE to {address} was answered in {} s: {last}", within.as_secs()))
}

/// Whether one NEGOTIATE, on a connection of its own, is answered.
async fn negotiate(address: SocketAddr, dialects: (Dialect, Dialect)) -> io::Result<bool> {
    let request = request(dialects).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&nbss::wrap(&request).map_err(io::Error::other)?).await?;
    let mut answers = Splitter::new(MAX_ANSWER);
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(false);
        }
        answers.push(buffer.get(..read).unwrap_or_default());
        if let Some(answer) = answers.next_message().map_err(io::Error::other)? {
            // Which answer it is, is the judge's business.
            return Ok(answer.bytes.starts_with(b"\xFESMB") || answer.bytes.starts_with(b"\xFFSMB"));
        }
    }
}

fn request(
    (lowest, highest): (Dialect, Dialect),
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let dialects: Vec<DialectRevision> = Dialect::SMB2
        .iter()
        .filter(|dialect| (lowest..=highest).contains(*dialect))
        .filter_map(|dialect| DialectRevision::from_dialect(*dialect))
        .collect();
    if dialects.is_empty() {
        return Ok(SMB1_NEGOTIATE.to_vec());
    }
    let mut negotiate_contexts = Vec::new();
    if dialects.contains(&DialectRevision::SMB_3_1_1) {
        let mut salt = vec![0; 32];
        getrandom::fill(&mut salt)?;
        negotiate_contexts.push(NegotiateContext::of(&PreauthIntegrity { hash_algorithms: vec![1], salt })?);
    }
    // A server may serve every connection with one ClientGuid from one process: this one must not be part of a case.
    let mut client_guid = [0; 16];
    getrandom::fill(&mut client_guid)?;
    let body = NegotiateRequest {
        security_mode: SecurityMode::SIGNING_ENABLED,
        capabilities: Capabilities::default(),
        client_guid,
        dialects,
        negotiate_contexts,
        ..NegotiateRequest::default()
    };
    Ok(wire::message(&Header::request(Command::NEGOTIATE), &body)?)
}

/// SMB_COM_NEGOTIATE with the one dialect NT LM 0.12 ([MS-CIFS] 2.2.4.52.1), for a server that speaks nothing newer.
const SMB1_NEGOTIATE: &[u8] = b"\xFFSMB\x72\0\0\0\0\x18\x01\xC8\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xFF\xFE\0\0\0\0\
    \0\x0C\0\x02NT LM 0.12\0";

#[cfg(test)]
mod tests {
    use super::*;
    use smb::wire::Body;
    use tokio::net::TcpListener;

    #[test]
    fn it_offers_what_is_in_the_range() {
        let offered = |range| NegotiateRequest::parse(&request(range).unwrap()).unwrap();
        let all = offered((Dialect::Nt1, Dialect::Smb311));
        assert_eq!((all.dialects.len(), all.negotiate_contexts.len()), (5, 1));
        let some = offered((Dialect::Smb21, Dialect::Smb302));
        assert_eq!((some.dialects.len(), some.negotiate_contexts.len()), (3, 0));
        assert_ne!(all.client_guid, some.client_guid);
        assert_eq!(request((Dialect::Nt1, Dialect::Nt1)).unwrap(), SMB1_NEGOTIATE);
    }

    #[test]
    fn the_counts_of_the_smb1_request_are_right() {
        let (parameters, bytes) = SMB1_NEGOTIATE.split_at(35);
        assert_eq!(parameters[32], 0);
        assert_eq!(usize::from(parameters[33]), bytes.len());
    }

    #[tokio::test]
    async fn it_says_why_it_gives_up() {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let why = answers(address, (Dialect::Smb202, Dialect::Smb311), Duration::from_millis(20))
            .await
            .unwrap_err();
        assert!(why.contains("refused"), "{why}");
    }

    #[tokio::test]
    async fn it_outlasts_connections_that_are_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = tokio::spawn(answers(address, (Dialect::Smb202, Dialect::Smb311), ONE_TRY));
        for _ in 0..3 {
            drop(listener.accept().await.unwrap());
        }
        assert!(!waiting.is_finished());
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&nbss::wrap(b"\xFESMB").unwrap()).await.unwrap();
        waiting.await.unwrap().unwrap();
    }
}
