package sqlite
import ("testing";"context";"time";"fmt";"github.com/alma-events/alma")
func TestSmoke(t *testing.T){
 ctx:=context.Background()
 s,err:=Open(ctx,t.TempDir()+"/a b?.db",Options{}); if err!=nil{t.Fatal(err)}
 now:=time.Now()
 mk:=func(id string)alma.Event{e:=alma.Event{ID:id,Type:"CREATED",MemoryID:"m"};if err:=e.Prepare(now);err!=nil{t.Fatal(err)};return e}
 a,err:=s.Append(ctx,[]alma.Event{mk("a"),mk("b"),mk("a")}); fmt.Println(a,err)
 w,err:=s.CreateWebhook(ctx,alma.Webhook{ID:"wh_1",Config:alma.WebhookConfig{URL:"https://x"}});fmt.Println(w.Version,err)
 a,err=s.Append(ctx,[]alma.Event{mk("c")});fmt.Println(a,err)
 p,err:=s.Read(ctx,alma.Position{},10);fmt.Println(len(p.Events),p.Next,err)
 fmt.Println(s.Settle(ctx,alma.Settlement{Watermark:alma.Position{Seq:2},Attempts:[]alma.SettledAttempt{{WebhookID:"wh_1",Positions:[]alma.Position{{Seq:1},{Seq:2}},Attempt:alma.Attempt{Number:1,At:now}}}}))
 d,err:=s.FindDeliveries(ctx,alma.DeliveryQuery{});fmt.Println(d,err)
 fmt.Println(s.Stats(ctx))
 fmt.Println(s.Close(),s.Close())
}
