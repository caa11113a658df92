namespace Osv.Web.Nodes;

/// <summary>Colours that keep neighbours in a list apart.</summary>
public static class CoreColors
{
    /// <summary>Hue in degrees: the golden angle steps through the circle without ever coming near itself soon.</summary>
    public static int Hue(IReadOnlyList<string> owners, string owner)
    {
        for (int i = 0; i < owners.Count; i++)
        {
            if (owners[i] == owner) return (int)(210 + i * 137.508) % 360;
        }
        return 0;
    }
}
