using MudBlazor;

namespace Osv.Web.Console;

/// <summary>Colours of the console.</summary>
internal static class Themes
{
    /// <summary>Cookie in which the browser keeps the choice of the user.</summary>
    public const string Cookie = "osv-theme";

    private static readonly string[] Fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"];

    public static MudTheme Theme { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#1f5fbf", Secondary = "#6b4fbb", Success = "#1a7f4b", Warning = "#a15c00", Error = "#b3261e", Info = "#0b6b8a",
            AppbarBackground = "#ffffff", AppbarText = "#1c2430", Background = "#f4f6f9", Surface = "#ffffff", DrawerBackground = "#ffffff", DrawerText = "#323c4b", DrawerIcon = "#5b6778",
            TextPrimary = "#1c2430", TextSecondary = "#556070", LinesDefault = "#dde2ea", TableLines = "#e6eaf0", Divider = "#dde2ea",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#7db0ff", PrimaryContrastText = "#0c1622", Secondary = "#b9a5ff", Success = "#5fd39a", Warning = "#f0b35c", Error = "#ff8a80", Info = "#6fd0ea",
            SuccessContrastText = "#0c1622", WarningContrastText = "#0c1622", ErrorContrastText = "#0c1622", InfoContrastText = "#0c1622", SecondaryContrastText = "#0c1622",
            AppbarBackground = "#151b24", AppbarText = "#e6ebf2", Background = "#0f141b", Surface = "#171e28", DrawerBackground = "#151b24", DrawerText = "#c8d1dd", DrawerIcon = "#93a0b2",
            TextPrimary = "#e6ebf2", TextSecondary = "#a3afbf", LinesDefault = "#2a3442", TableLines = "#26303d", Divider = "#2a3442", ActionDefault = "#a3afbf",
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "8px", DrawerWidthLeft = "220px" },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = Fonts, FontSize = "0.875rem" },
            H1 = new H1Typography { FontFamily = Fonts, FontSize = "1.5rem", FontWeight = "650", LineHeight = "1.3" },
            H2 = new H2Typography { FontFamily = Fonts, FontSize = "1.05rem", FontWeight = "600", LineHeight = "1.4" },
            H3 = new H3Typography { FontFamily = Fonts, FontSize = "1.75rem", FontWeight = "650", LineHeight = "1.2" },
            Button = new ButtonTypography { FontFamily = Fonts, TextTransform = "none", FontWeight = "600" },
        },
    };
}
