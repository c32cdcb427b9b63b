// Asks the counter that runs on this computer about one card: Verify.exe [FOLDER [DOMAIN]] < code.txt
//
// FOLDER is the counter's data folder; "" or none is this user's own. The code comes by standard input, because a command line
// can be read by every program and the code holds names. Prints the status and the headline. Exit codes are those of
// `comptoir verify`: 0 valid, 1 refused, 3 reserve, 4 unknown or not verified, 2 wrong usage.
//
// C# 5 and what .NET Framework 4 or Mono bring along: copy this file and change it as you like.
//     csc /r:System.Web.Extensions.dll Verify.cs          (Windows: %WINDIR%\Microsoft.NET\Framework64\v4.0.30319\csc.exe)
//     mcs -r:System.Web.Extensions.dll Verify.cs          (Mono)

using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Text;
using System.Web.Script.Serialization;

static class Verify
{
    const int MaxCode = 64 << 10, MaxAnswer = 1 << 20;

    sealed class NotVerified : Exception
    {
        public NotVerified(string why) : base(why) { }
    }

    static int Main(string[] args)
    {
        if (args.Length > 2)
        {
            Console.Error.WriteLine("usage: Verify [FOLDER [DOMAIN]] < code.txt");
            return 2;
        }
        Console.OutputEncoding = new UTF8Encoding(false);
        string code;
        using (Stream input = Console.OpenStandardInput())
            code = Encoding.UTF8.GetString(ReadSome(input, MaxCode)).Trim('\r', '\n');
        string status, headline;
        try
        {
            string folder = args.Length > 0 && args[0] != "" ? args[0] : OwnFolder();
            Ask(folder, args.Length > 1 ? args[1] : "", code, out status, out headline);
        }
        catch (NotVerified why)
        {
            Console.Error.WriteLine("not verified: " + why.Message);
            return 4;
        }
        Console.Write(status + ": " + headline + "\n");
        switch (status)
        {
            case "valid": return 0;
            case "refused": return 1;
            case "reserve": return 3;
            default: return 4; // a status that is not known here is none to rely on
        }
    }

    static void Ask(string folder, string domain, string code, out string status, out string headline)
    {
        var json = new JavaScriptSerializer { MaxJsonLength = MaxAnswer };
        // Both are read at each question: the port and the program may change, the token too.
        int port = Port(json, folder);
        string token;
        try { token = File.ReadAllText(Path.Combine(folder, "api-token")).Trim(); }
        catch (Exception) { throw new NotVerified("api-token can't be read"); }

        byte[] question = new UTF8Encoding(false).GetBytes(json.Serialize(new Dictionary<string, object> { { "code", code }, { "domain", domain } }));
        var request = (HttpWebRequest)WebRequest.Create("http://127.0.0.1:" + port + "/v1/verify");
        request.Method = "POST";
        request.ContentType = "application/json";
        request.Timeout = request.ReadWriteTimeout = 15000;
        // No proxy and no redirect has any business between two programs of one computer.
        request.Proxy = null;
        request.AllowAutoRedirect = false;
        request.KeepAlive = false;
        request.ServicePoint.Expect100Continue = false;
        byte[] body;
        try
        {
            request.Headers["Authorization"] = "Bearer " + token;
            using (Stream s = request.GetRequestStream()) s.Write(question, 0, question.Length);
            using (var response = (HttpWebResponse)request.GetResponse())
            {
                if (response.StatusCode != HttpStatusCode.OK) throw new NotVerified("the counter answers " + (int)response.StatusCode);
                using (Stream s = response.GetResponseStream()) body = ReadSome(s, MaxAnswer + 1);
            }
        }
        catch (WebException e)
        {
            var refusal = e.Response as HttpWebResponse;
            if (refusal == null) throw new NotVerified("nobody answers: start comptoir");
            int number = (int)refusal.StatusCode;
            refusal.Close();
            throw new NotVerified(number == 401 || number == 403 ? "the token is refused: is this the folder of the counter that runs?" : "the counter answers " + number);
        }
        catch (IOException) { throw new NotVerified("nobody answers: start comptoir"); }
        catch (ArgumentException) { throw new NotVerified("api-token is not one"); }

        // Take unknown members as they come: some may be added.
        Dictionary<string, object> answer = Members(json, Encoding.UTF8.GetString(body));
        object one, two, three = null;
        var words = answer != null && answer.TryGetValue("words", out two) ? two as Dictionary<string, object> : null;
        if (words == null || !answer.TryGetValue("status", out one) || !(one is string) || !words.TryGetValue("headline", out three) || !(three is string))
            throw new NotVerified("the answer is not a verdict");
        status = (string)one;
        headline = (string)three;
    }

    static int Port(JavaScriptSerializer json, string folder)
    {
        string text;
        try { text = File.ReadAllText(Path.Combine(folder, "desk.json")); }
        catch (FileNotFoundException) { throw new NotVerified("comptoir is not running (no desk.json)"); }
        catch (DirectoryNotFoundException) { throw new NotVerified("comptoir is not running (no desk.json)"); }
        catch (Exception) { throw new NotVerified("desk.json can't be read"); }
        Dictionary<string, object> desk = Members(json, text);
        object port;
        if (desk == null || !desk.TryGetValue("port", out port) || !(port is int) || (int)port < 1 || (int)port > 65535)
            throw new NotVerified("desk.json is not one");
        return (int)port;
    }

    // Members of a JSON object; null for anything else.
    static Dictionary<string, object> Members(JavaScriptSerializer json, string text)
    {
        try { return json.DeserializeObject(text) as Dictionary<string, object>; }
        catch (ArgumentException) { return null; }
        catch (InvalidOperationException) { return null; }
    }

    static byte[] ReadSome(Stream from, int limit)
    {
        var all = new MemoryStream();
        var part = new byte[16 << 10];
        int n;
        while (all.Length < limit && (n = from.Read(part, 0, Math.Min(part.Length, limit - (int)all.Length))) > 0) all.Write(part, 0, n);
        return all.ToArray();
    }

    // Where comptoir keeps its data when nobody says otherwise.
    static string OwnFolder()
    {
        string own = Environment.GetEnvironmentVariable("COMPTOIR_DIR");
        if (!string.IsNullOrEmpty(own)) return own;
        if (Path.DirectorySeparatorChar == '\\')
            return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "Sceau", "comptoir");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (Directory.Exists("/System/Library")) return Path.Combine(home, "Library/Application Support/Sceau/comptoir");
        string data = Environment.GetEnvironmentVariable("XDG_DATA_HOME");
        if (string.IsNullOrEmpty(data) || !Path.IsPathRooted(data)) data = Path.Combine(home, ".local/share");
        return Path.Combine(data, "sceau/comptoir");
    }
}
