using Osv.Web.Hosting;

WebApplication host = OsvHost.Build(args);
await host.RunAsync();
