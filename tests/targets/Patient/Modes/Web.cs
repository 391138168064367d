namespace Medic.Targets;

/// <summary>A web service on a port of its own choice. /json answers at once, /alloc?kb=N allocates first,
/// /throw?depth=N throws through N calls and catches. `web N`: with N million objects that live beside it.</summary>
sealed class Web(double millions) : Mode
{
    private WebApplication? _app;

    public override string ReadySuffix => " " + new Uri(_app!.Urls.First()).Port;

    public override void Start()
    {
        if (millions > 0)
            Warehouse.Hall.Build((long)(millions * 1e6));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapGet("/json", () =>
        {
            Done();
            return Results.Json(new { message = "Hello", time = DateTime.UtcNow });
        });
        _app.MapGet("/alloc", (int kb) =>
        {
            Done();
            return Results.Json(new { bytes = Enumerable.Range(0, kb).Sum(_ => new byte[1000].Length) });
        });
        _app.MapGet("/throw", (int depth) =>
        {
            Done();
            Parcels.Desk.Take(depth);
            return Results.Json(new { depth });
        });
        _app.Start();
    }

    public override void WarmUp()
    {
        using var client = new HttpClient { BaseAddress = new Uri(_app!.Urls.First()) };
        for (var i = 0; i < 20; i++)
            client.GetStringAsync(i % 2 == 0 ? "/json" : "/alloc?kb=10").GetAwaiter().GetResult();
    }
}
