namespace Osv.Rack;

/// <summary>Something the virtual rack cannot do on this host, in one sentence that says what to do about it.</summary>
public class RackException(string message) : Exception(message);

/// <summary>QEMU refused a command.</summary>
/// <param name="errorClass">As its monitor protocol names it, such as <see cref="NotFound"/>.</param>
internal sealed class RefusedCommandException(string message, string errorClass) : RackException(message)
{
    public const string NotFound = "DeviceNotFound";

    public string ErrorClass => errorClass;
}
