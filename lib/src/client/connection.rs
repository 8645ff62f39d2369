//! The client's connections: one request at a time for now.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{ClientOptions, Pending, Request};
use crate::error::{Error, Result};
use crate::id::{ReqId, TxId};
use crate::transport::{Connector, Ready, Transport};
use crate::wire::{Errno, HEADER_SIZE, Header, Op, REPLY_MAX};

pub(crate) struct Shared {
    connector: Arc<dyn Connector>,
    pub(crate) options: ClientOptions,
    stream: Mutex<Box<dyn Transport>>,
}

impl Shared {
    pub(crate) fn connect(
        connector: Arc<dyn Connector>,
        options: ClientOptions,
    ) -> Result<Arc<Self>> {
        let stream = connector.connect(Some(Instant::now() + options.timeout))?;
        Ok(Arc::new(Self {
            connector,
            options,
            stream: Mutex::new(stream),
        }))
    }

    pub(crate) fn address(&self) -> String {
        self.connector.address()
    }

    pub(crate) fn submit(&self, request: Request, tx_id: TxId) -> Pending<Vec<u8>> {
        let answer = self.exchange(request, tx_id);
        Pending::new(move || answer)
    }

    fn exchange(&self, request: Request, tx_id: TxId) -> Result<Vec<u8>> {
        let Request {
            op,
            payload,
            subject,
        } = request;
        let lost = |error: std::io::Error| Error::Disconnected {
            op,
            path: subject.clone(),
            address: self.connector.address(),
            reason: error.to_string(),
        };
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Some(Instant::now() + self.options.timeout);
        let max = stream.traits().payload_max;
        let payload = payload.finish().map_err(|length| Error::TooLong {
            op,
            path: subject.clone(),
            length,
            max,
        })?;
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut message = Header {
            op,
            req_id: ReqId(1),
            tx_id,
            len,
        }
        .to_bytes()
        .to_vec();
        message.extend_from_slice(&payload);
        let mut rest = &message[..];
        while !rest.is_empty() {
            match stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    stream
                        .wait(
                            Ready {
                                read: false,
                                write: true,
                            },
                            deadline,
                        )
                        .map_err(lost)?;
                }
                Err(error) => return Err(lost(error)),
            }
        }
        loop {
            let mut head = [0; HEADER_SIZE];
            fill(&**stream, &mut head, deadline).map_err(lost)?;
            let header = Header::from_bytes(&head);
            let len = header.len as usize;
            if len > REPLY_MAX {
                return Err(Error::Protocol {
                    what: format!("a reply of {len} bytes"),
                });
            }
            let mut body = vec![0; len];
            fill(&**stream, &mut body, deadline).map_err(lost)?;
            match header.op {
                Op::WATCH_EVENT => {}
                Op::ERROR => {
                    return Err(Error::Store {
                        op,
                        path: subject,
                        errno: Errno::from_wire(&body),
                    });
                }
                _ => return Ok(body),
            }
        }
    }
}

fn fill(
    stream: &dyn Transport,
    mut buffer: &mut [u8],
    deadline: Option<Instant>,
) -> std::io::Result<()> {
    while !buffer.is_empty() {
        match stream.read(buffer, deadline)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => buffer = &mut buffer[read..],
        }
    }
    Ok(())
}
