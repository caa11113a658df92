using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;

namespace Osv.Web.Tests;

/// <summary>An OpenID Connect provider on loopback, as small as the code flow with PKCE lets it be. Whoever comes is signed in as <see cref="UserName"/>.</summary>
internal sealed class IdentityProvider : IAsyncDisposable
{
    private readonly RSA _key = RSA.Create(2048);
    private readonly ConcurrentDictionary<string, (string Nonce, string Challenge)> _codes = new();
    private WebApplication _host = default!;

    public const string ClientId = "osv", ClientSecret = "secret of the client";

    public string UserName { get; set; } = "";

    /// <summary>The provider signs with another key than the one it publishes.</summary>
    public bool Forges { get; set; }

    public string Address => _host.Urls.Single();

    public static async Task<IdentityProvider> StartAsync()
    {
        var provider = new IdentityProvider();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRouting();
        WebApplication host = builder.Build();
        host.UseRouting();
        host.MapGet("/.well-known/openid-configuration", () => Results.Json(new
        {
            issuer = provider.Address, authorization_endpoint = $"{provider.Address}/authorize", token_endpoint = $"{provider.Address}/token", jwks_uri = $"{provider.Address}/keys",
            response_types_supported = new[] { "code" }, subject_types_supported = new[] { "public" }, id_token_signing_alg_values_supported = new[] { "RS256" },
        }));
        host.MapGet("/keys", () =>
        {
            RSAParameters key = provider._key.ExportParameters(false);
            return Results.Json(new { keys = new[] { new { kty = "RSA", use = "sig", kid = "1", alg = "RS256", n = WebEncoders.Base64UrlEncode(key.Modulus!), e = WebEncoders.Base64UrlEncode(key.Exponent!) } } });
        });
        host.MapGet("/authorize", (HttpContext http) =>
        {
            IQueryCollection asked = http.Request.Query;
            asked["client_id"].ToString().ShouldBe(ClientId);
            asked["code_challenge_method"].ToString().ShouldBe("S256");
            string code = Guid.NewGuid().ToString();
            provider._codes[code] = (asked["nonce"].ToString(), asked["code_challenge"].ToString());
            asked["response_mode"].ToString().ShouldBe("", "query is what the code flow uses when nothing is said");
            return Results.Redirect(QueryHelpers.AddQueryString(asked["redirect_uri"].ToString(), new Dictionary<string, string?> { ["code"] = code, ["state"] = asked["state"] }));
        });
        host.MapPost("/token", async (HttpContext http) =>
        {
            IFormCollection form = await http.Request.ReadFormAsync();
            if (!provider._codes.TryRemove(form["code"].ToString(), out (string Nonce, string Challenge) grant) || form["client_secret"] != ClientSecret
                || WebEncoders.Base64UrlEncode(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) != grant.Challenge)
            {
                return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
            }
            return Results.Json(new { access_token = "none", token_type = "Bearer", expires_in = 60, id_token = provider.Token(grant.Nonce) });
        });
        provider._host = host;
        await host.StartAsync(TestContext.Current.CancellationToken);
        return provider;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _key.Dispose();
    }

    private string Token(string nonce)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string head = Part(new { alg = "RS256", kid = "1", typ = "JWT" });
        string body = Part(new { iss = Address, aud = ClientId, sub = $"id-of-{UserName}", preferred_username = UserName, email = $"{UserName}@example.test", nonce, iat = now, nbf = now, exp = now + 60 });
        using RSA other = RSA.Create(2048);
        byte[] signature = (Forges ? other : _key).SignData(System.Text.Encoding.ASCII.GetBytes($"{head}.{body}"), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{head}.{body}.{WebEncoders.Base64UrlEncode(signature)}";
    }

    private static string Part(object json) => WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(json));
}
