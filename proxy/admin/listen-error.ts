/** Why a server could not listen, in words that say what to do. `setting` names what configures the address. */
export function listenError(error: Error, address: string, setting: string): Error {
  const code = 'code' in error ? error.code : undefined
  const place = `${setting} ${address}`
  switch (code) {
    case 'EADDRINUSE':
      return new Error(
        `${place}: the address is already in use; stop the process that listens there, or set ${setting} to a free port`,
      )
    case 'EACCES':
      return new Error(
        `${place}: not allowed to listen there; ports below 1024 need a privilege, set ${setting} to a higher port`,
      )
    case 'EADDRNOTAVAIL':
      return new Error(
        `${place}: this machine has no such address; set ${setting} to one of its own, or to 0.0.0.0 for all of them`,
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Error(`${place}: the host name does not resolve; set ${setting} to an IP address`)
    default:
      return new Error(`${place}: cannot listen there: ${error.message}`)
  }
}
