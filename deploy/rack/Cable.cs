namespace Osv.Rack;

/// <summary>
/// The two cables of a tenants' card: to the card, and to the server that answers it (DHCP, and SSH from this machine). Both ends of a cable are Unix sockets
/// for datagrams, a frame each; the machine has made its own when it is on, the switch makes the others.
/// </summary>
/// <param name="Mac">Of the card.</param>
public sealed record Cable(string Mac, CableEnds Card, CableEnds Server);

/// <param name="Node">The machine listens here.</param>
/// <param name="Switch">The machine sends here.</param>
public sealed record CableEnds(string Node, string Switch);
